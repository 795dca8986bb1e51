# What tools/images makes of Debian packages where no registry answers.
FROM docker.io/library/postgres:17.12-trixie
