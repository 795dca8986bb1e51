"""SQLAlchemy over the environment that progress-service/templates/deployment.yaml gives."""

import os

from sqlalchemy import create_engine, make_url

# SQLAlchemy names the driver in the URL: postgresql+psycopg, postgresql+asyncpg, ...
url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")

# Replaces a connection that a restart of the database has closed.
# POOL_SIZE is there if the service has a role of its own: docs/reference/services.md.
engine = create_engine(url, pool_pre_ping=True, pool_size=int(os.environ.get("POOL_SIZE", 5)), max_overflow=0)
