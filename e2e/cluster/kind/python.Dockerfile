# What tools/images makes of Debian packages where no registry answers.
FROM docker.io/library/python:3.13-slim
RUN pip install --no-cache-dir asyncpg==0.30.0
USER 1001:1001
