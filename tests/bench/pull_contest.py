"""Runs the pulls of one kind of database: each contestant has two processes and a database of its own."""

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
from urllib.request import urlopen

from tests.bench import pull_data, state
from tests.bench.database import ROOT, BenchDatabase, bench_database
from tests.bench.pull_contestants import Puller

PHASES = ("first", "unchanged", "changed")


@dataclass(slots=True, kw_only=True)
class Pulled:
    """What came of one contestant: the best of each phase, peaks in MB, bytes on the wire, what was wrong.

    `cpu` is the seconds of processor time of the client, without its database's.
    """

    contestant: str
    objects: int
    seconds: dict[str, float] = field(default_factory=dict)
    durations: dict[str, dict[str, float]] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)
    client: float = 0.0
    server: float = 0.0
    sent: int = 0
    error: str = ""

    def rate(self, phase: str) -> float:
        """Objects per second; 0.0 where it was not measured."""
        return self.objects / self.seconds[phase] if self.seconds.get(phase) else 0.0

    def add(self, phase: str, answer: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        """Take note of a pull; the fastest counts."""
        self.client = max(self.client, answer["peak"])
        self.server = max(self.server, told["peak"])
        self.sent = told["bytes"]
        self.cpu[phase] = min(answer["cpu"], self.cpu.get(phase, float("inf")))
        if answer["seconds"] < self.seconds.get(phase, float("inf")):
            self.seconds[phase] = answer["seconds"]
            self.durations[phase] = answer["durations"]


@dataclass(slots=True, kw_only=True)
class Origin:
    """The database that is pulled from, how many objects it has, and what it holds at the moment."""

    database: BenchDatabase
    objects: int
    content: dict[str, tuple[int, int]]

    def change(self) -> None:
        """Change a tenth of the products."""
        pull_data.change(self.database.alias)
        pull_data.settle(self.database.alias)
        self.content = pull_data.content(self.database.alias)


class Entrant:
    """A contestant with its server, its client, its database and its result."""

    def __init__(self, puller: Puller, origin: Origin, database: BenchDatabase, stack: ExitStack) -> None:
        self.puller = puller
        self.origin = origin
        self.alias = database.alias
        self.result = Pulled(contestant=puller.name, objects=origin.objects)
        server = _start("tests.bench.pull_site", origin.database)
        stack.callback(_kill, server)
        self.client = _start("tests.bench.pull_worker", database)
        stack.callback(_kill, self.client)  # it may be in the middle of a pull
        assert server.stdout
        self.address = f"http://127.0.0.1:{int(server.stdout.readline())}"

    def run(self, phase: str) -> None:
        """Bring the tables into the state that the phase starts from, pull, and check what came of it."""
        if phase == "first":
            pull_data.empty(self.alias)
        pull_data.settle(self.alias)
        self._told()
        answer = self._ask()
        told = self._told()
        if "error" in answer:
            self.result.error = answer["error"]
            return
        try:
            pull_data.check(self.alias, self.origin.content)
        except state.WrongResultError as error:
            self.result.error = f"{phase}: {error}"
            return
        self.result.add(phase, answer, told)

    def _ask(self) -> dict[str, Any]:
        assert self.client.stdin
        assert self.client.stdout
        job = {"contestant": self.puller.name, "address": self.address}
        self.client.stdin.write(json.dumps(job) + "\n")
        self.client.stdin.flush()
        line = self.client.stdout.readline()
        return json.loads(line) if line else {"error": f"the client ended with status {self.client.wait()}"}

    def _told(self) -> dict[str, Any]:
        with urlopen(f"{self.address}/told/") as response:
            told: dict[str, Any] = json.load(response)
        return told


def contest(
    kind: str, pullers: list[Puller], folder: Path, *, products: int, slow_products: int
) -> list[Pulled]:
    """Run them in turn, phase by phase, as often as each wants; the results in their order."""
    with ExitStack() as stack:
        origins: dict[int, Origin] = {}
        entrants = []
        for puller in pullers:
            wanted = slow_products if puller.is_slow else products
            if wanted not in origins:
                origins[wanted] = stack.enter_context(_origin(kind, wanted, folder))
            database = stack.enter_context(bench_database(folder, kind))
            entrants.append(Entrant(puller, origins[wanted], database, stack))
        for repetition in range(max(each.repetitions for each in pullers)):
            for phase in PHASES:
                if phase == "changed":
                    for origin in origins.values():
                        origin.change()
                for entrant in entrants:
                    if repetition < entrant.puller.repetitions and not entrant.result.error:
                        entrant.run(phase)
        return [entrant.result for entrant in entrants]


@contextmanager
def _origin(kind: str, products: int, folder: Path) -> Iterator[Origin]:
    with bench_database(folder, kind) as database:
        objects = pull_data.fill(database.alias, products)
        pull_data.settle(database.alias)
        yield Origin(database=database, objects=objects, content=pull_data.content(database.alias))


def _start(module: str, database: BenchDatabase) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=os.environ | database.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()
