"""What the tasks do, whoever carries them."""

from __future__ import annotations

import subprocess
import sys
import traceback
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from celery import Celery
from django.core.management import CommandError, call_command
from django.utils import timezone

from modelsync.push.checks import check_push
from modelsync.push.delivery.breaking import application_disabled
from modelsync.push.delivery.connecting import close_all
from modelsync.push.models import Announcement, Attempt, JobChange
from modelsync.tasks import by_celery
from modelsync.tasks.working import run_drain, run_sweep
from tests.integration.delivery.peer import Peer, saying
from tests.integration.workers.conftest import PUSH, application
from tests.office.models import Thing
from tests.separate import ROOT

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


class Queue(list[int]):
    """What was queued."""

    def start(self, number: int, using: str) -> None:
        self.append(number)


@pytest.fixture(autouse=True)
def _settings(settings: Any) -> None:
    settings.MODELSYNC = {"push": PUSH}


@pytest.fixture
def peer() -> Iterator[Peer]:
    """An application that takes all."""
    with Peer() as made:
        yield made
    close_all()


def test_a_drain_sends_all_and_queues_none(peer: Peer) -> None:
    """Then another may be announced."""
    it, queue = application(api_endpoint_base=peer.url()), Queue()
    Announcement.objects.create(application=it, until=timezone.now() + timedelta(hours=1))
    Thing.objects.create(name="a")
    assert run_drain(it.pk, "default", queue.start) == {"done": 1, "failed": 0}
    assert queue == []
    assert Announcement.objects.get().until <= timezone.now()


def test_what_a_drain_leaves_is_for_a_further_task(settings: Any, peer: Peer) -> None:
    """A drain ends after half a lease, which here is over at once; what came up meanwhile is not left out."""
    settings.MODELSYNC = {"push": {**PUSH, "lease": 1e-6}}
    it, queue = application(api_endpoint_base=peer.url()), Queue()
    Thing.objects.create(name="a")
    assert run_drain(it.pk, "default", queue.start) == {"done": 0, "failed": 0}
    assert queue == [it.pk]
    assert (JobChange.objects.get().status, peer.heard) == ("WAITING", [])


def test_what_fails_is_left_to_sweeps(peer: Peer) -> None:
    """Its schedule is in the database: there is no further task, and no retry by the broker."""
    peer.behaviour = saying(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
    it, queue = application(api_endpoint_base=peer.url()), Queue()
    Thing.objects.create(name="a")
    assert run_drain(it.pk, "default", queue.start) == {"done": 0, "failed": 1}
    assert queue == []
    assert run_sweep("default", queue.start) == {"started": 0}
    JobChange.objects.update(next_attempt_at=timezone.now())
    assert run_sweep("default", queue.start) == {"started": 1}
    assert queue == [it.pk]


def test_a_sweep_sequences_and_has_what_is_due_drained_once(settings: Any) -> None:
    """Also what the process that wrote it left to others."""
    settings.MODELSYNC = {"push": PUSH, "sequence_on_commit": False}
    it, queue = application(), Queue()
    application("without anything due", not_before=timezone.now() + timedelta(hours=1))
    Thing.objects.create(name="a")
    assert not JobChange.objects.exists()
    assert run_sweep("default", queue.start) == {"started": 1}
    assert run_sweep("default", queue.start) == {"started": 0}
    assert queue == [it.pk]
    assert JobChange.objects.count() == 2


def test_a_sweep_prunes_now_and_then() -> None:
    """Once an hour, since it looks through a lot."""
    it, queue = application(), Queue()
    pruned: dict[str, float] = {}
    for left in (0, 1):
        Attempt.objects.create(
            application=it, started_at=timezone.now() - timedelta(days=100), seconds=1, sent=[]
        )
        run_sweep("default", queue.start, pruned)
        assert Attempt.objects.count() == left


def test_what_a_task_raises_holds_no_values() -> None:
    """Workers log it; where it came from is still to be seen."""

    def fail(**_: Any) -> None:
        raise ValueError("a secret value")

    application_disabled.connect(fail)
    try:
        with Peer(behaviour=saying(b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n")) as peer:
            it = application(api_endpoint_base=peer.url())
            Thing.objects.create(name="a")
            with pytest.raises(RuntimeError) as caught:
                run_drain(it.pk, "default", Queue().start)
    finally:
        application_disabled.disconnect(fail)
        close_all()
    told = "".join(traceback.format_exception(caught.value))
    assert "ValueError" in told
    assert "in fail" in told
    assert "secret value" not in told.replace('raise ValueError("a secret value")', "")


def test_celery_finds_the_tasks_and_never_hands_one_that_killed_its_worker_to_the_next() -> None:
    """Whatever the project's own tasks do."""
    app = Celery("site", set_as_current=False)
    app.conf.task_acks_late = True
    app.autodiscover_tasks(["modelsync"], force=True)
    tasks = [app.tasks[f"modelsync.push.{name}"] for name in ("drain", "sweep")]
    assert [(task.acks_late, task.ignore_result) for task in tasks] == [(False, True)] * 2


def test_tasks_that_are_run_at_once_send_in_the_request(settings: Any, peer: Peer) -> None:
    """What Django does where settings.TASKS says nothing; the check warns."""
    settings.MODELSYNC = {"push": {**PUSH, "announce": "tasks"}}
    application(api_endpoint_base=peer.url())
    Thing.objects.create(name="a")
    assert JobChange.objects.get().status == "DONE"
    assert "modelsync.W114" in [each.id for each in check_push()]
    settings.TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}
    assert "modelsync.W114" not in [each.id for each in check_push()]


def test_push_sweep_queues_tasks_as_the_settings_say(settings: Any, peer: Peer) -> None:
    """Without them it says what to do."""
    with pytest.raises(CommandError, match=r'\["announce"\] is not set.* "celery" or "tasks"') as caught:
        call_command("push_sweep")
    assert caught.value.returncode == 2
    application(api_endpoint_base=peer.url())
    Thing.objects.create(name="a")
    settings.MODELSYNC = {"push": {**PUSH, "announce": "tasks"}}
    out = StringIO()
    call_command("push_sweep", stdout=out)
    assert out.getvalue() == "1 task(s) queued\n"
    assert JobChange.objects.get().status == "DONE"


def test_the_setting_is_one_of_two(settings: Any) -> None:
    """Its value is not told: it may be a secret at the wrong place."""
    settings.MODELSYNC = {"push": {"announce": "rabbit"}}
    (error,) = check_push()
    assert error.id == "modelsync.E112"
    assert error.msg == """settings.MODELSYNC["push"]['announce'] must be "celery", "tasks" or None"""


@pytest.mark.parametrize(
    ("missing", "module", "extra"),
    [
        ("celery", "by_celery", "Celery needs an extra: pip install 'django-modelsync[celery]'"),
        ("django_tasks", "by_django", "django_tasks needs an extra: pip install 'django-modelsync[tasks]'"),
    ],
)
def test_a_missing_extra_is_one_line(missing: str, module: str, extra: str) -> None:
    """And the package without it can be imported, as Celery and others do."""
    import django

    if missing == "django_tasks" and django.VERSION >= (6, 0):
        missing, extra = "django.tasks", extra.replace("django_tasks", "django.tasks")
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import django; django.setup()\n"
        "import modelsync.tasks\n"
        f"try: import modelsync.tasks.{module}\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == f"ConfigurationError {extra}"


def test_the_module_for_celery_has_its_tasks() -> None:
    """For those who queue them by hand."""
    assert (by_celery.drain.name, by_celery.sweep.name) == ("modelsync.push.drain", "modelsync.push.sweep")
