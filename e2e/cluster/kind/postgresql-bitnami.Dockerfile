# What tools/images makes of Debian packages where no registry answers.
FROM docker.io/bitnamilegacy/postgresql:17.6.0-debian-12-r4
