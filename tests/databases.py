"""The databases that the tests run on, and what answers at this moment.

SQLite is always there. PostgreSQL and MariaDB are reached by the DSNs in MODELSYNC_TEST_POSTGRESQL
and MODELSYNC_TEST_MARIADB; the database named there is never touched, tests make their own.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any
from urllib.parse import unquote, urlsplit

KINDS = ("sqlite", "postgresql", "mariadb")
SERVERS = ("postgresql", "mariadb")

_DSN_VARIABLES = {
    "postgresql": ("MODELSYNC_TEST_POSTGRESQL", "postgresql://postgres@127.0.0.1:5432/modelsync"),
    "mariadb": ("MODELSYNC_TEST_MARIADB", "mysql://root@127.0.0.1:3306/modelsync"),
}
_ENGINES = {"postgresql": "tests.postgresql", "mariadb": "django.db.backends.mysql"}
_TIMEOUT = 5  # seconds


def chosen() -> str:
    """The database that `default` is (MODELSYNC_TEST_DB)."""
    kind = os.environ.get("MODELSYNC_TEST_DB", "sqlite")
    if kind not in KINDS:
        raise ValueError(f"MODELSYNC_TEST_DB={kind!r} is none of {', '.join(KINDS)}")
    return kind


def required() -> bool:
    """Whether a server that does not answer is a failure (MODELSYNC_REQUIRE_DATABASES)."""
    return os.environ.get("MODELSYNC_REQUIRE_DATABASES", "") not in ("", "0")


def settings_for(kind: str, name: str | None = None) -> dict[str, Any]:
    """The entry of DATABASES for one kind; `name` replaces the database's name or file."""
    if kind == "sqlite":
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": name or ":memory:",
            "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"} if name else {},
        }
    dsn = _dsn(kind)
    settings: dict[str, Any] = {
        "ENGINE": _ENGINES[kind],
        "NAME": name or dsn["name"],
        "USER": dsn["user"],
        "PASSWORD": dsn["password"],
        "HOST": dsn["host"],
        "PORT": dsn["port"],
        "TEST": {"NAME": f"test_{dsn['name']}_{_run()}"},
    }
    if kind == "mariadb":
        use_mariadb_driver()
        settings["OPTIONS"] = {"charset": "utf8mb4"}
        settings["TEST"]["CHARSET"] = "utf8mb4"
    return settings


def version(kind: str) -> str | None:
    """The version of the server (of the library, for SQLite); None when it does not answer."""
    try:
        match kind:
            case "sqlite":
                return sqlite3.sqlite_version
            case "postgresql":
                return _postgresql_version()
            case _:
                return _mariadb_version()
    except Exception:  # a missing driver and a missing server are the same here: it cannot be used
        return None


def use_mariadb_driver() -> None:
    """Make `import MySQLdb` work: mysqlclient where it is installed, else PyMySQL under its name."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        import pymysql

        # Django asks for a mysqlclient that is recent; PyMySQL is compatible with it.
        pymysql.version_info = (2, 2, 7, "final", 0)
        pymysql.__version__ = "2.2.7"
        pymysql.install_as_MySQLdb()


def _run() -> str:
    """Tells this test run from others on the same server; the workers of one run share it."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", "")[:8] or str(os.getpid())


def _dsn(kind: str) -> dict[str, Any]:
    variable, default = _DSN_VARIABLES[kind]
    parts = urlsplit(os.environ.get(variable) or default)
    return {
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or (5432 if kind == "postgresql" else 3306),
        "name": parts.path.lstrip("/") or "modelsync",
    }


def _postgresql_version() -> str:
    import psycopg

    dsn = _dsn("postgresql")
    with psycopg.connect(
        host=dsn["host"],
        port=dsn["port"],
        user=dsn["user"],
        password=dsn["password"] or None,
        dbname="postgres",
        connect_timeout=_TIMEOUT,
    ) as connection:
        found = connection.execute("SHOW server_version").fetchone() or [""]
    return str(found[0]).split()[0]


def _mariadb_version() -> str:
    use_mariadb_driver()
    import MySQLdb

    dsn = _dsn("mariadb")
    connection = MySQLdb.connect(
        host=dsn["host"],
        port=dsn["port"],
        user=dsn["user"],
        password=dsn["password"],
        connect_timeout=_TIMEOUT,
    )
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT VERSION()")
        (found,) = cursor.fetchone()
    finally:
        connection.close()
    return str(found).partition("-")[0]
