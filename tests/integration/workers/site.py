"""A site with Celery, as its documentation has it; the environment says what is a test's own.

`python -m tests.integration.workers.site NUMBER` is what a request does: it changes so many objects.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import django
from celery import Celery
from celery.signals import task_prerun, worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.integration.workers.settings")

app = Celery("site")
app.conf.update(json.loads(os.environ.get("WORKERS_CELERY", "{}")))
app.conf.beat_schedule = {"modelsync": {"task": "modelsync.push.sweep", "schedule": 0.5}}
app.autodiscover_tasks()


@worker_ready.connect
def _note_worker(**_: Any) -> None:
    _note(f"ready-{os.getpid()}", "")


@task_prerun.connect
def _note_task(task: Any, args: tuple[Any, ...], **_: Any) -> None:
    if task.name == "modelsync.push.drain":
        _note(f"drains-{args[0]}", str(os.getpid()))


def _note(name: str, text: str) -> None:
    folder = Path(os.environ["WORKERS_NOTES"])
    draft = folder / f"{name}.{os.getpid()}"
    draft.write_text(text)
    draft.rename(folder / name)


def main() -> None:
    django.setup()
    from tests.office.models import Thing

    Thing.objects.bulk_create([Thing(name=str(number)) for number in range(int(sys.argv[1]))])


if __name__ == "__main__":
    main()
