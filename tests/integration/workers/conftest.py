"""Applications that take what is pushed, and processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, current_app
from django.db.models import Max
from django.utils import timezone

from modelsync.push.models import Application, JobChange
from modelsync.tasks import by_celery, starting
from tests import brokers, databases
from tests.integration.delivery.peer import Heard, Peer, well
from tests.separate import SeparateDatabase

#: So long a lease that none ends in a test.
PUSH = {"allow_private_targets": True, "lease": 3_600.0}
#: Seconds after which a test that waits has failed. How long it takes decides nothing.
PATIENCE = 120


def wait_for(what: Callable[[], Any]) -> Any:
    """What comes of it as soon as something does."""
    deadline = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return found


@dataclass
class Inbox:
    """The applications `/one/` and `/two/` behind one address. The twentieth request to the first is not
    answered: `at_twentieth` is called instead.
    """

    at_twentieth: Callable[[], None]
    taken: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    is_past: threading.Event = field(default_factory=threading.Event)

    def __call__(self, connection: socket.socket, heard: Heard) -> bool:
        name = heard.line.split("/")[1]
        if name == "one" and len(self.taken[name]) == 19 and not self.is_past.is_set():
            self.at_twentieth()
            self.is_past.set()
            return False
        self.taken[name].add(json.loads(heard.body)["uuid"])
        return well(connection, heard)


@dataclass
class Site:
    """A site in processes of its own, with two applications, whose background workers are to be tried."""

    database: SeparateDatabase
    environment: dict[str, str]
    notes: Path
    find_victim: Callable[[Site], subprocess.Popen[str]]
    victim: subprocess.Popen[str] | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> subprocess.Popen[str]:
        """Start `python -m COMMAND`; it ends with the test, its children too."""
        with (self.notes / f"log-{name}").open("w") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.processes[name] = started
        return started

    def run(self, *command: str) -> None:
        """Run `python -m COMMAND` to its end."""
        subprocess.run([sys.executable, "-m", *command], env=self.environment, check=True, timeout=PATIENCE)

    def change(self, many: int) -> None:
        """Change so many objects, as a request does."""
        self.run("tests.integration.workers.site", str(many))

    def leased(self, name: str) -> int:
        """How many jobs of an application somebody has claimed."""
        jobs = JobChange.objects.using(self.database.alias)
        return jobs.filter(application=self.numbers[name], lease_token__isnull=False).count()

    def is_claimed_in_vain(self) -> bool:
        """Whether the leases of the worker that died have run out."""
        jobs = JobChange.objects.using(self.database.alias).filter(lease_token__isnull=False)
        ends = jobs.filter(application=self.numbers["one"]).aggregate(last=Max("next_attempt_at"))["last"]
        return bool(ends < timezone.now())

    def is_done(self, many: int) -> bool:
        """Whether all jobs are."""
        jobs = JobChange.objects.using(self.database.alias)
        return jobs.filter(status=JobChange.STATUS.DONE).count() == many

    def kill_victim(self) -> None:
        """Kill the worker that sends to the first application."""
        self.victim = self.find_victim(self)
        kill(self.victim)

    def logs(self) -> str:
        """What all processes said."""
        return "\n".join(path.read_text() for path in sorted(self.notes.glob("log-*")))


def kill(process: subprocess.Popen[str]) -> None:
    """At once, with its children."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def receiving(site: Site) -> Iterator[Inbox]:
    """What the site's applications take; its processes end at the end."""
    inbox = Inbox(at_twentieth=site.kill_victim)
    with Peer(behaviour=inbox) as peer:
        for name in ("one", "two"):
            made = Application.objects.using(site.database.alias).create(
                name=name,
                api_endpoint_base=f"http://127.0.0.1:{peer.port}/{name}/",
                concurrency=1,
                backfill=None,
            )
            site.numbers[name] = made.pk
        try:
            yield inbox
        finally:
            for process in site.processes.values():
                if process.poll() is None:
                    kill(process)


def environment_of(database: SeparateDatabase, notes: Path, **more: str) -> dict[str, str]:
    """For the processes of such a site."""
    return {
        **os.environ,
        **database.environment,
        "DJANGO_SETTINGS_MODULE": "tests.integration.workers.settings",
        "WORKERS_NOTES": str(notes),
        **more,
    }


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Where processes leave word."""
    folder = tmp_path / "notes"
    folder.mkdir()
    return folder


def _brokers() -> tuple[str, ...]:
    """Each broker with a database, both with SQLite."""
    return {"postgresql": ("rabbitmq",), "mariadb": ("redis",)}.get(databases.chosen(), brokers.KINDS)


@pytest.fixture(params=_brokers())
def broker(request: Any) -> Iterator[brokers.Broker]:
    """A queue on a broker, of the test's own."""
    if brokers.version(request.param) is None:
        missing = f"no {request.param} answers; CONTRIBUTING.md says where it is looked for"
        (pytest.fail if databases.required() else pytest.skip)(missing)
    with brokers.broker(request.param) as made:
        yield made


def application(name: str = "app", **given: Any) -> Application:
    """One in this process, at an address where nobody is."""
    return Application.objects.create(
        name=name, **{"api_endpoint_base": "http://127.0.0.1:1/", "backfill": None, **given}
    )


@pytest.fixture
def announcing(settings: Any) -> Iterator[None]:
    """This process tells Celery's workers."""
    settings.MODELSYNC = {"push": {**PUSH, "announce": "celery"}}
    starting.forget_failures()
    yield
    starting.forget_failures()


@pytest.fixture
def using_broker() -> Iterator[Callable[[dict[str, Any]], Celery]]:
    """Makes Celery's app of this process one that has these settings."""
    before = current_app._get_current_object()

    def use(given: dict[str, Any]) -> Celery:
        app = Celery("site", set_as_current=True)
        app.conf.update(given)
        app.autodiscover_tasks(["modelsync"], force=True)
        return app

    yield use
    by_celery.close()
    before.set_current()
