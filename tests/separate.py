"""A database that test and sub-processes share: a file for SQLite, a new database on the servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
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
    alias = f"separate_{uuid.uuid4().hex[:8]}"
    name = str(folder / f"{alias}.sqlite3") if kind == "sqlite" else f"test_modelsync_{alias}"
    with _connection(kind, name, alias):
        _fill(kind, name, alias)
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


#: The name of a database with all tables and no rows, by kind, that others are copied from.
_templates: dict[str, str] = {}


def drop_templates() -> None:
    """Drop what others were copied from; done at the end of a session."""
    for kind in list(_templates):
        name = _templates.pop(kind)
        if kind == "sqlite":
            Path(name).unlink()
        else:
            with _connection(kind, name, "template"):
                pass


def _fill(kind: str, name: str, alias: str) -> None:
    """Make the database and its tables. The first of this process takes a second or more."""
    if kind == "mariadb":  # has no copies
        _execute(alias, f"CREATE DATABASE {_quoted(alias, name)}")
        _migrate(alias)
        return
    if kind not in _templates:
        _templates[kind] = _make_template(kind)
    if kind == "sqlite":
        shutil.copyfile(_templates[kind], name)
    else:
        template = _quoted(alias, _templates[kind])
        _execute(alias, f"CREATE DATABASE {_quoted(alias, name)} TEMPLATE {template}")


def _make_template(kind: str) -> str:
    alias = f"template_{uuid.uuid4().hex[:8]}"
    if kind == "sqlite":
        handle, name = tempfile.mkstemp(".sqlite3", alias)
        os.close(handle)
    else:
        name = f"test_modelsync_{alias}"
    with _connection(kind, name, alias, drops=False):
        if kind != "sqlite":
            _execute(alias, f"CREATE DATABASE {_quoted(alias, name)}")
        _migrate(alias)
    return name


@contextmanager
def _connection(kind: str, name: str, alias: str, *, drops: bool = True) -> Iterator[None]:
    """A connection of this alias to a database, which is dropped at the end."""
    entry = databases.settings_for(kind, name)
    connections.settings[alias] = connections.configure_settings({DEFAULT_DB_ALIAS: {}, alias: entry})[alias]
    try:
        yield
    finally:
        connections[alias].close()
        if drops and kind != "sqlite":
            force = " WITH (FORCE)" if kind == "postgresql" else ""
            _execute(alias, f"DROP DATABASE IF EXISTS {_quoted(alias, name)}{force}")
        del connections[alias]
        del connections.settings[alias]


def _migrate(alias: str) -> None:
    call_command("migrate", database=alias, run_syncdb=True, verbosity=0)


def _execute(alias: str, sql: str) -> None:
    with connections[alias]._nodb_cursor() as cursor:
        cursor.execute(sql)


def _quoted(alias: str, name: str) -> str:
    return connections[alias].ops.quote_name(name)
