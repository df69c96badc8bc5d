"""What SQL each database wants: one file per database, identifiers quoted, values as parameters."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from modelsync.targets.django.sql.base import Dialect
from modelsync.targets.django.sql.mariadb import MariaDB
from modelsync.targets.django.sql.postgresql import PostgreSQL
from modelsync.targets.django.sql.sqlite import SQLite

__all__ = ["Dialect", "dialect_for"]


def dialect_for(connection: BaseDatabaseWrapper) -> Dialect | None:
    """The dialect of a connection's database; None where the staged way is not known to be right."""
    if connection.vendor == "postgresql" and _has_psycopg3(connection):
        return PostgreSQL(connection)
    if connection.vendor == "sqlite" and SQLite.is_able():
        return SQLite(connection)
    if connection.vendor == "mysql" and getattr(connection, "mysql_is_mariadb", False):
        return MariaDB(connection)
    return None


def _has_psycopg3(connection: BaseDatabaseWrapper) -> bool:
    """Django speaks to PostgreSQL through psycopg2, too; that one has no COPY of this kind."""
    return bool(getattr(connection, "Database").__name__ == "psycopg")  # noqa: B009  # the stubs lack it
