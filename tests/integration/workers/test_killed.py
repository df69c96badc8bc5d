"""Two workers, one of which is killed while it sends: everything arrives, as the other one sweeps."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from django.db import connections

from tests.brokers import Broker
from tests.integration.workers.conftest import Site, environment_of, receiving, wait_for
from tests.separate import SeparateDatabase

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 200


def test_celery(separate_database: SeparateDatabase, broker: Broker, notes: Path) -> None:
    """Over Redis and RabbitMQ. The task dies with its worker; what it had claimed is found by a sweep."""
    site = Site(
        database=separate_database,
        environment=environment_of(
            separate_database, notes, WORKERS_ANNOUNCE="celery", WORKERS_CELERY=json.dumps(broker.settings())
        ),
        notes=notes,
        find_victim=_celery_that_drains_one,
    )
    celery = ("celery", "-A", "tests.integration.workers.site")
    with receiving(site) as inbox:
        for name in ("a", "b"):
            site.start(
                name, *celery, "worker", "-n", name, "--pool", "solo", "--without-mingle", "--without-gossip"
            )
        site.start("beat", *celery, "beat", "--schedule", str(notes / "schedule"), "--pidfile", "")
        wait_for(lambda: len(list(notes.glob("ready-*"))) == 2)
        site.change(MANY)
        wait_for(inbox.is_past.is_set)
        assert site.leased("one") > 0
        wait_for(lambda: site.is_done(2 * MANY))
        assert {name: len(keys) for name, keys in inbox.taken.items()} == {"one": MANY, "two": MANY}
        assert _celery_that_drains_one(site).poll() is None
        assert [each.poll() for each in site.processes.values()].count(None) == 2


def _celery_that_drains_one(site: Site) -> subprocess.Popen[str]:
    number = int((site.notes / f"drains-{site.numbers['one']}").read_text())
    return next(each for each in site.processes.values() if each.pid == number)


def test_django_tasks(separate_database: SeparateDatabase, notes: Path) -> None:
    """The database is the broker. The task of the worker that died runs forever, and is in nobody's way."""
    site = Site(
        database=separate_database,
        environment=environment_of(separate_database, notes, WORKERS_ANNOUNCE="tasks"),
        notes=notes,
        find_victim=_worker_that_drains_one,
    )
    site.run("django", "migrate", "--verbosity", "0")
    with receiving(site) as inbox:
        for name in ("a", "b"):
            options = ("--worker-id", name, "--interval", "0.1", "--no-startup-delay", "--no-reload")
            site.start(name, "django", "db_worker", *options)
        site.change(MANY)
        wait_for(inbox.is_past.is_set)
        assert site.leased("one") > 0

        wait_for(site.is_claimed_in_vain)
        site.run("django", "push_sweep", "--verbosity", "0")
        wait_for(lambda: site.is_done(2 * MANY))
        assert {name: len(keys) for name, keys in inbox.taken.items()} == {"one": MANY, "two": MANY}
        assert [each.poll() for each in site.processes.values()].count(None) == 1


def _worker_that_drains_one(site: Site) -> subprocess.Popen[str]:
    with connections[site.database.alias].cursor() as cursor:
        cursor.execute(
            "SELECT args_kwargs, worker_ids FROM django_tasks_database_dbtaskresult WHERE status = 'RUNNING'"
        )
        running = [
            [json.loads(each) if isinstance(each, str) else each for each in row] for row in cursor.fetchall()
        ]
    (name,) = next(names for given, names in running if given["args"][0] == site.numbers["one"])
    connections[site.database.alias].close()  # that of the thread of a request
    return site.processes[name]
