"""Run the tests with every interpreter given, on every database that answers: `make test`.

SQLite runs everything. The servers run all integration and conformance tests with the first interpreter, and
with others those that are marked `database` and not `slow`. The closing lines say what ran where, and what
did not.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests import brokers, databases, tested

ROOT = Path(__file__).resolve().parent.parent

# Names of folders and of markers are keywords too.
_ON_SERVERS = ["-k", "integration or conformance or database"]
_ONCE_MORE = ["-m", "database and not slow"]
_WORKERS = min(os.cpu_count() or 1, 4)
# Histories that the property tests try with the first interpreter, and with others.
_EXAMPLES = {"sqlite": "2000", "postgresql": "300", "mariadb": "300"}
_FEWER = "100"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """An interpreter and its Django, with the versions of the databases and brokers that it reaches."""

    python: str
    versions: str
    databases: dict[str, str]
    brokers: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One run of pytest, in one setting on one database."""

    where: str
    counts: dict[str, int]
    exit_code: int
    seconds: float

    @property
    def is_good(self) -> bool:
        """Nothing failed, and something was tested."""
        return self.exit_code == 0 and self.counts.get("passed", 0) > 0

    def __str__(self) -> str:
        counted = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count)
        verdict = "" if self.is_good else f"  <- FAILED (exit code {self.exit_code})"
        return f"{self.where}: {counted or 'nothing ran'} ({self.seconds:.0f} s){verdict}"


def main(interpreters: list[str]) -> int:
    """Give the exit code: 0 when every run is good and no database that is required is missing."""
    settings = [_look_at(python) for python in interpreters]
    tested.forget()
    outcomes = [
        _run(setting, kind, is_first=number == 0)
        for number, setting in enumerate(settings)
        for kind in setting.databases
    ]
    missing = [kind for kind in databases.KINDS if any(kind not in each.databases for each in settings)]
    silent = [kind for kind in brokers.KINDS if any(kind not in each.brokers for each in settings)]

    print("\nThe tests ran on")
    for outcome in outcomes:
        print(f"  {outcome}")
    for kind in missing:
        print(f"  {kind}: not tested, no server answers at {_address(kind)}")
    reached = ", ".join(f"{kind} {version}" for kind, version in settings[0].brokers.items())
    print(f"  with brokers: {reached or 'none'}")
    for kind in silent:
        print(f"  {kind}: not tested, no broker answers")
    missing += silent
    is_lacking = bool(missing) and databases.required()
    if is_lacking:
        print(f"failed: MODELSYNC_REQUIRE_DATABASES is set, and {', '.join(missing)} is missing")
    return 1 if is_lacking or not all(outcome.is_good for outcome in outcomes) else 0


def look() -> None:
    """Print what this interpreter has and reaches, for the process that asked."""
    import django

    found = {kind: version for kind in databases.KINDS if (version := databases.version(kind))}
    told = {kind: version for kind in brokers.KINDS if (version := brokers.version(kind))}
    versions = f"Python {platform.python_version()}, Django {django.__version__}"
    print(json.dumps({"versions": versions, "databases": found, "brokers": told}))


def _look_at(python: str) -> Setting:
    command = [python, "-c", "from tests.run import look; look()"]
    return Setting(python=python, **json.loads(subprocess.check_output(command, cwd=ROOT)))


def _run(setting: Setting, kind: str, *, is_first: bool) -> Outcome:
    where = f"{kind} {setting.databases[kind]} with {setting.versions}"
    options: list[str] = []
    if kind != "sqlite":
        options = _ON_SERVERS if is_first else _ONCE_MORE
        where += "" if is_first else ", what depends on the database and is quick"
    print(f"\n=== {where}", flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts.json"
        finished = subprocess.run(
            [setting.python, "-m", "pytest", "-q", "-n", str(_WORKERS), "--dist", "worksteal", *options],
            cwd=ROOT,
            env={"MODELSYNC_EXAMPLES": _EXAMPLES[kind] if is_first else _FEWER}
            | os.environ
            | {"MODELSYNC_TEST_DB": kind, "MODELSYNC_TEST_COUNTS": str(counts)},
            check=False,
        )
        outcome = Outcome(
            where=where,
            counts=json.loads(counts.read_text()) if counts.exists() else {},
            exit_code=finished.returncode,
            seconds=time.monotonic() - started,
        )
    if is_first and kind == "sqlite" and outcome.is_good and "MODELSYNC_EXAMPLES" not in os.environ:
        tested.remember()
    return outcome


def _address(kind: str) -> str:
    server = databases.settings_for(kind)
    return f"{server['HOST']}:{server['PORT']}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [sys.executable]))
