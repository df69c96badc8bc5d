"""A database for one contestant: a file for SQLite, a new database on the servers; only the tables needed."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections

from tests import databases
from tests.bench import state
from tests.shop.models import Product, Supplier, Tag

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchDatabase:
    """It is `alias` here and `default` in sub-processes that have this environment."""

    alias: str
    environment: dict[str, str] = field(default_factory=dict)


@contextmanager
def bench_database(folder: Path, kind: str) -> Iterator[BenchDatabase]:
    """Make such a database, with the suppliers in it; it is dropped at the end."""
    alias = f"bench_{uuid.uuid4().hex[:8]}"
    name = str(folder / f"{alias}.sqlite3") if kind == "sqlite" else f"test_modelsync_{alias}"
    entry = databases.settings_for(kind, name)
    connections.settings[alias] = connections.configure_settings({DEFAULT_DB_ALIAS: {}, alias: entry})[alias]
    connection = connections[alias]
    quoted = connection.ops.quote_name(name)
    try:
        if kind != "sqlite":
            with connection._nodb_cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {quoted}")
        for app in ("contenttypes", "modelsync"):
            call_command("migrate", app, database=alias, verbosity=0)
        with connection.schema_editor() as editor:
            for model in (Supplier, Tag, Product):
                editor.create_model(model)
        state.fill_suppliers(alias)
        yield BenchDatabase(
            alias=alias,
            environment={
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "MODELSYNC_TEST_DB": kind,
                "MODELSYNC_TEST_NAME": name,
                "PYTHONPATH": str(ROOT),
            },
        )
    finally:
        connection.close()
        if kind != "sqlite":
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            with connection._nodb_cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {quoted}{force}")
        del connections[alias]
        del connections.settings[alias]
