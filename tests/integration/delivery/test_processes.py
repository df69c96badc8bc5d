"""Real workers that are killed, real writers, real HTTP with faults: applications end with what there is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import pytest
from django.db import connections
from django.utils import timezone

from modelsync.push.models import Application, JobChange
from modelsync.tracking.models import Change
from tests.office.models import Thing
from tests.separate import SeparateDatabase
from tests.simulation.process import POINTS
from tests.simulation.receiver import Receiver
from tests.simulation.server import Server, serving, unequal
from tests.simulation.truth import Truth
from tests.simulation.world import SETTINGS, empty, view_of

pytestmark = [pytest.mark.database, pytest.mark.slow]
STATUS = JobChange.STATUS
PARTS: Final = 4
#: Histories of each part: 20 in all for each database, and fewer where the same code runs once more.
HISTORIES: Final = 5 if int(os.environ.get("MODELSYNC_EXAMPLES") or 300) >= 300 else 1
#: Seconds after which a test gives up: nothing takes so long, however busy the machine is.
_ENOUGH = 240


@pytest.fixture(autouse=True)
def _leave_sequencing_to_workers(settings: Any) -> None:
    settings.MODELSYNC = {**settings.MODELSYNC, "sequence_on_commit": False}


@dataclass
class Site:
    """A site of processes, on a database of its own."""

    database: SeparateDatabase
    server: Server
    stack: ExitStack
    numbers: dict[str, int] = field(default_factory=dict)

    @property
    def alias(self) -> str:
        return self.database.alias

    @property
    def jobs(self) -> Any:
        return JobChange.objects.using(self.alias)

    def application(self, name: str) -> None:
        """It joins."""
        made = Application.objects.using(self.alias).create(
            name=name, api_endpoint_base=self.server.url(name), **{**SETTINGS[name], "concurrency": 2}
        )
        self.numbers[name] = made.pk
        self.server.receivers[name] = Receiver(view_of(name, made.pk))

    def start(self, *given: object, dying: str = "", sequences: str = "") -> subprocess.Popen[str]:
        """A process, which is killed at the end at the latest."""
        environment = {
            **self.database.environment,
            "DJANGO_SETTINGS_MODULE": "tests.simulation.settings",
            "DYING": dying,
            "SIMULATION_SEQUENCES": sequences,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.simulation.process", *map(str, given)],
            env=environment,
            cwd=self.database.environment["PYTHONPATH"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.stack.callback(process.stdout.close if process.stdout else process.wait)
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process

    def time_passes(self, *, with_leases: bool = False) -> None:
        """What waits for its next attempt is due. Leases end, too, where nobody is left who has any."""
        now = timezone.now()
        waiting = self.jobs.filter(next_attempt_at__gt=now)
        (waiting if with_leases else waiting.filter(lease_token=None)).update(next_attempt_at=now)
        Application.objects.using(self.alias).filter(not_before__gt=now).update(not_before=now)

    def keeps_busy(self, worker: subprocess.Popen[str], value: int) -> bool:
        """Whether a worker is dead. Until then there is something to do, also something to sequence."""
        self.time_passes()
        Thing.objects.using(self.alias).update_or_create(pk=1, defaults={"price": value})
        return worker.poll() is not None

    def is_at_rest(self) -> bool:
        """Nothing is left to do; what was put aside is tried again."""
        self.time_passes()
        self.jobs.filter(status=STATUS.FATAL_ERROR).retry(timezone.now())
        is_done = not self.jobs.exclude(status=STATUS.DONE).exists()
        backfills = Application.objects.using(self.alias).filter(backfill__isnull=False)
        return is_done and not Change.objects.using(self.alias).exists() and not backfills.exists()

    def findings(self) -> list[str]:
        """What applications have otherwise than they should."""
        truth = Truth(self.alias)
        truth.look()
        found = []
        for name, receiver in self.server.receivers.items():
            wrong = unequal(truth.newest(receiver.view), receiver.there())
            found += [f"{name}: {each}" for each in wrong]
        return found


@contextmanager
def site_of(database: SeparateDatabase, seed: int) -> Iterator[Site]:
    """A site with nothing in it."""
    empty(database.alias)
    with ExitStack() as stack:
        yield Site(database, stack.enter_context(serving(seed)), stack)


def wait_for(what: Callable[[], object], name: str = "it") -> None:
    """Until something is so."""
    until = time.monotonic() + _ENOUGH
    while not what():
        assert time.monotonic() < until, f"{name} takes too long"
        time.sleep(0.05)


def end(worker: subprocess.Popen[str]) -> str:
    """Have a worker end as an administrator would; what it wrote."""
    worker.send_signal(signal.SIGTERM)
    said, _ = worker.communicate(timeout=_ENOUGH)
    assert worker.returncode == 0, said
    return said


def play(site: Site, number: int) -> None:
    """One history: two workers die, each at its point; two others go on; writers write all the while."""
    chance = Random(number)
    site.server.fails.set()
    for name in ("old", "filtered"):
        site.application(name)
    writers = [site.start("writer", 100 * number, 12, dying=chance.choice(("", "written:5", "committed:5")))]
    for place in range(2):
        point = POINTS[(2 * number + place + number // PARTS) % len(POINTS)]
        worker = site.start("worker", dying=f"{point}:{chance.randrange(1, 3)}")
        wait_for(lambda worker=worker: site.keeps_busy(worker, chance.randrange(10_000)), point)
        assert worker.returncode == -signal.SIGKILL, worker.communicate()[0]
        site.time_passes(with_leases=True)
    site.application("new")
    writers.append(site.start("writer", 100 * number + 1, 12, sequences=chance.choice(("", "never"))))
    workers = [site.start("worker") for _ in range(2)]
    wait_for(lambda: all(writer.poll() is not None for writer in writers))
    assert {writer.returncode for writer in writers} <= {0, -signal.SIGKILL}
    site.server.fails.clear()
    wait_for(site.is_at_rest)
    for worker in workers:
        end(worker)
    assert site.findings() == []
    assert not site.jobs.exclude(lease_token=None).exists()


@pytest.mark.parametrize("part", range(PARTS))
def test_whoever_is_killed_nothing_is_lost(separate_database: SeparateDatabase, part: int) -> None:
    """Every worker dies at a point, with -9; applications have exactly what they are to have."""
    for number in range(part, PARTS * HISTORIES, PARTS):
        with site_of(separate_database, number) as site:
            play(site, number)


def test_a_worker_that_is_told_to_end_settles_what_is_under_way(separate_database: SeparateDatabase) -> None:
    """SIGTERM: what is sent is settled, the rest as if it had never been claimed. The exit code is 0."""
    with site_of(separate_database, 1) as site:
        site.application("filtered")
        Application.objects.using(site.alias).update(concurrency=1)
        site.server.answers.clear()
        Thing.objects.using(site.alias).bulk_create([Thing(name=str(number)) for number in range(7)])
        worker = site.start("worker")
        wait_for(site.server.asked.is_set)
        connections[site.alias].close()
        worker.send_signal(signal.SIGTERM)
        site.server.answers.set()
        assert "stopped" in end(worker)
        assert not site.jobs.exclude(lease_token=None).exists()
        assert not site.jobs.exclude(attempts_started=0).exists()
        done = site.jobs.filter(status=STATUS.DONE).count()
        assert done == len(site.server.receivers["filtered"].there()) >= 2
        assert site.jobs.filter(status=STATUS.WAITING).count() == 7 - done


def test_a_worker_ends_however_often_it_is_told(separate_database: SeparateDatabase) -> None:
    """A handler that is interrupted by the next signal holds up nobody."""
    with site_of(separate_database, 1) as site:
        worker = site.start("worker", sequences="never")
        assert worker.stdout
        assert "stop with SIGTERM" in worker.stdout.readline()
        for _ in range(500):
            worker.send_signal(signal.SIGTERM)
            worker.send_signal(signal.SIGINT)
        said, _ = worker.communicate(timeout=_ENOUGH)
        assert "stopped\n" in said  # what comes after that finds no handler any more
