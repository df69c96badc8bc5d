"""Runs the contestants of one case, each in a process and a database of its own, in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import state
from tests.bench.contestants import Contestant
from tests.bench.data import Files
from tests.bench.database import ROOT, BenchDatabase, bench_database

PHASES = ("new", "unchanged", "changed")


@dataclass(slots=True, kw_only=True)
class Result:
    """What came of one contestant: the best of each phase, the peak in MB, what was wrong.

    `cpu` is the seconds of processor time of the process itself, without the server's.
    """

    contestant: str
    rows: int
    seconds: dict[str, float] = field(default_factory=dict)
    durations: dict[str, dict[str, float]] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    peak: float = 0.0
    error: str = ""

    def rate(self, phase: str) -> float:
        """Rows per second; 0.0 where it was not measured."""
        return self.rows / self.seconds[phase] if self.seconds.get(phase) else 0.0

    def add(self, phase: str, answer: Mapping[str, Any]) -> None:
        """Take note of a run; the fastest counts."""
        self.peak = max(self.peak, answer["peak"])
        self.cpu[phase] = min(answer["cpu"], self.cpu.get(phase, float("inf")))
        if answer["seconds"] < self.seconds.get(phase, float("inf")):
            self.seconds[phase] = answer["seconds"]
            self.durations[phase] = answer["durations"]


class Entrant:
    """A contestant with its process, its database, its files and its result."""

    def __init__(self, contestant: Contestant, files: Files, database: BenchDatabase) -> None:
        self.contestant = contestant
        self.files = files
        self.alias = database.alias
        self.result = Result(contestant=contestant.name, rows=files.rows)
        self.process = start(database)

    def run(self, phase: str) -> None:
        """Bring the tables into the state that the phase starts from, run, and check what came of it."""
        path = self.files.changed if phase == "changed" else self.files.first
        if phase == "new":
            state.empty(self.alias)
        state.settle(self.alias)
        answer = ask(self.process, self.contestant.name, path, reference=self.files.reference)
        if "error" in answer:
            self.result.error = answer["error"]
            return
        try:
            state.check(self.alias, path, has_keys=self.contestant.has_keys)
        except state.WrongResultError as error:
            self.result.error = f"{phase}: {error}"
            return
        self.result.add(phase, answer)


def contest(
    kind: str, files: Mapping[str, Files], contestants: list[Contestant], folder: Path
) -> list[Result]:
    """Run them in turn, phase by phase, as often as each wants; the results in their order.

    `files` are the files of each contestant, by name.
    """
    with ExitStack() as stack:
        entrants = []
        for contestant in contestants:
            database = stack.enter_context(bench_database(folder, kind))
            entrant = Entrant(contestant, files[contestant.name], database)
            stack.callback(stop, entrant.process)
            entrants.append(entrant)
        for repetition in range(max(c.repetitions for c in contestants)):
            for phase in PHASES:
                for entrant in entrants:
                    if repetition < entrant.contestant.repetitions and not entrant.result.error:
                        entrant.run(phase)
        return [entrant.result for entrant in entrants]


def start(database: BenchDatabase) -> subprocess.Popen[str]:
    """Start a worker on a database."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.worker"],
        cwd=ROOT,
        env=os.environ | database.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ask(process: subprocess.Popen[str], contestant: str, path: Path, *, reference: bool) -> dict[str, Any]:
    """Have a worker run a contestant."""
    assert process.stdin
    assert process.stdout
    job = {"contestant": contestant, "path": str(path), "reference": reference}
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    line = process.stdout.readline()
    return json.loads(line) if line else {"error": f"the worker ended with status {process.wait()}"}


def stop(process: subprocess.Popen[str]) -> None:
    """Let a worker end."""
    assert process.stdin
    assert process.stdout
    process.stdin.close()
    process.wait(timeout=60)
    process.stdout.close()


@contextmanager
def single(kind: str, folder: Path) -> Iterator[tuple[BenchDatabase, subprocess.Popen[str]]]:
    """One database with one fresh worker."""
    with bench_database(folder, kind) as database:
        process = start(database)
        try:
            yield database, process
        finally:
            stop(process)
