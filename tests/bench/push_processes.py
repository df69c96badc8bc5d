"""The processes of the push benchmark, and what they are asked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from django.core.management import call_command

from tests.bench.database import ROOT, BenchDatabase, bench_database
from tests.bench.state import WrongResultError

_APPS = ("modelsync_tracking", "modelsync_push", "office")
_SETTINGS = "tests.bench.push_settings"
_ORIGINAL = Path(__file__).parent / "push_original"


@contextmanager
def sender_database(folder: Path, kind: str) -> Iterator[BenchDatabase]:
    """A database with the tables of a site that pushes."""
    with bench_database(folder, kind) as database:
        for app in _APPS:
            call_command("migrate", app, database=database.alias, verbosity=0)
        yield database


class Served:
    """A process that listens on a port of this machine, which it says."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise WrongResultError(f"a server ended with status {process.wait()}")
        self.address = f"http://127.0.0.1:{int(line)}"

    def told(self, path: str) -> dict[str, Any]:
        """What came to a path since it was asked last; see push_receiver."""
        told: dict[str, Any] = json.loads(self.read(f"/told{path}"))
        return told

    def read(self, path: str) -> str:
        """What it has at a path."""
        with urlopen(f"{self.address}{path}") as response:
            said: str = response.read().decode()
            return said


class Asked:
    """A process that is given jobs; see worker."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, do: str, **job: Any) -> dict[str, Any]:
        """Have it do something; what it answers. Raises WrongResultError if it failed."""
        process = self.process
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({"do": do, **job}) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise WrongResultError(f"a process ended with status {process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise WrongResultError(answer["error"])
        return answer


@contextmanager
def receiver() -> Iterator[Served]:
    """The light receiver."""
    with started("-m", "tests.bench.push_receiver") as process:
        yield Served(process)


@contextmanager
def site(database: BenchDatabase) -> Iterator[Served]:
    """Our own receiver, on its own database."""
    more = {"DJANGO_SETTINGS_MODULE": _SETTINGS, "MODELSYNC_BENCH_PUSH": "branch"}
    with started("-m", "tests.bench.push_site", environment=database.environment | more) as process:
        yield Served(process)


@contextmanager
def worker(database: BenchDatabase) -> Iterator[Asked]:
    """Ours."""
    with started("-m", "tests.bench.push_worker", environment=database.environment) as process:
        yield Asked(process)


@contextmanager
def original(database: BenchDatabase) -> Iterator[Asked]:
    """The original's."""
    more = {
        "DJANGO_SETTINGS_MODULE": _SETTINGS,
        "MODELSYNC_BENCH_PUSH": "original",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(_ORIGINAL))),
    }
    environment = database.environment | more
    with started("-m", "tests.bench.push_original_worker", environment=environment) as process:
        yield Asked(process)


@contextmanager
def sync_worker(database: BenchDatabase) -> Iterator[None]:
    """`manage.py sync_worker`, from when it works until it is killed."""
    with started("-m", "django", "sync_worker", environment=database.environment) as process:
        assert process.stdout
        if not process.stdout.readline():
            raise WrongResultError(f"sync_worker ended with status {process.wait()}")
        yield


@contextmanager
def refusing() -> Iterator[str]:
    """An address at which connections are refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@contextmanager
def started(*command: str, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process of Python, which is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | dict(environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
