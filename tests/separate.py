"""A database that test and sub-processes share: a file for SQLite, a new database on the servers."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections

from tests import databases

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class SeparateDatabase:
    """It has all tables; it is `alias` here (`objects.using(it.alias)`) and `default` in sub-processes."""

    kind: str
    name: str
    alias: str
    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a management command to its end; see `subprocess.run` for the options."""
        options = {"check": False, "capture_output": True, "text": True, "timeout": 300} | options
        return subprocess.run(  # noqa: PLW1510  # `check` is among the options
            self._command(arguments), env=self._environment(options), **options
        )

    def start(self, *arguments: str | Path, **options: Any) -> subprocess.Popen[str]:
        """Start a management command; see `subprocess.Popen` for the options."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
        return subprocess.Popen(self._command(arguments), env=self._environment(options), **options)

    def _command(self, arguments: tuple[str | Path, ...]) -> list[str]:
        return [sys.executable, "-m", "django", *map(str, arguments)]

    def _environment(self, options: dict[str, Any]) -> dict[str, str]:
        return os.environ | self.environment | options.pop("env", {})


@contextmanager
def separate_database(folder: Path, kind: str | None = None) -> Iterator[SeparateDatabase]:
    """Make such a database, with its files in `folder`; it is dropped at the end."""
    kind = kind or databases.chosen()
    mark = uuid.uuid4().hex[:8]
    alias = f"separate_{mark}"
    name = str(folder / f"{alias}.sqlite3") if kind == "sqlite" else f"test_modelsync_{alias}"
    entry = databases.settings_for(kind, name)
    connections.settings[alias] = connections.configure_settings({DEFAULT_DB_ALIAS: {}, alias: entry})[alias]
    connection = connections[alias]
    quoted = connection.ops.quote_name(name)
    try:
        if kind != "sqlite":
            with connection._nodb_cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {quoted}")
        call_command("migrate", database=alias, run_syncdb=True, verbosity=0)
        yield SeparateDatabase(
            kind=kind,
            name=name,
            alias=alias,
            folder=folder,
            environment={
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "MODELSYNC_TEST_DB": kind,
                "MODELSYNC_TEST_NAME": name,
                "MODELSYNC_TEST_MEDIA": str(folder / "media"),
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
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
