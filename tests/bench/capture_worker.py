"""Our process of the capture benchmark: jobs come as JSON lines, results go back as JSON lines."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.bench.worker import main


def do(job: dict[str, Any]) -> dict[str, Any]:
    """Prepare, or measure one thing: seconds, and statements."""
    if job["do"] == "prepare":
        call_command("migrate", run_syncdb=True, verbosity=0)
        return {}
    settings.MODELSYNC = {"sequence_on_commit": job["sequences"]}
    model = apps.get_model("capture_models", job["model"])
    return measured(model, job["what"], job["count"], is_atomic=job["atomic"])


def measured(model: Any, what: str, count: int, *, is_atomic: bool) -> dict[str, Any]:
    """Do it with so many objects that are there, or will be."""
    from modelsync.tracking.models import Change, Ledger

    for each in (model, Change, Ledger):
        each._base_manager.all()._raw_delete("default")
    objects = [model(code=f"U-{n}", name=f"Unit {n}") for n in range(count)]
    if what not in ("create", "bulk_create"):
        # As nobody would capture them.
        for start in range(0, count, 10_000):
            model._base_manager.bulk_create(objects[start : start + 10_000], batch_size=1_000)
        Change._base_manager.all()._raw_delete("default")
    settle(model)
    run = ways(model, objects, is_atomic=is_atomic)[what]
    started = time.perf_counter()
    run()
    seconds = time.perf_counter() - started
    if model.__name__ != "Plain" and not settings.MODELSYNC["sequence_on_commit"]:
        captured = Change.objects.values("object_pk").distinct().count()
        if captured != count:
            raise RuntimeError(f"{captured} objects are captured, not {count}")
    return {"seconds": seconds, "statements": statements(model, what)}


def ways(model: Any, objects: list[Any], *, is_atomic: bool = False) -> dict[str, Callable[[], object]]:
    """What is measured: each object in a transaction of its own, or all by one call."""
    opened = transaction.atomic if is_atomic else nullcontext

    def create() -> None:
        for each in objects:
            with opened():
                each.save(force_insert=True)

    def save() -> None:
        for each in objects:
            with opened():
                each.name += "!"
                each.save()

    def delete() -> None:
        for each in objects:
            with opened():
                each.delete()

    return {
        "create": create,
        "save": save,
        "delete": delete,
        "update": lambda: model.objects.update(name="x"),
        "bulk_create": lambda: model.objects.bulk_create(objects),
    }


def statements(model: Any, what: str) -> int:
    """How many it takes with one object, without BEGIN and COMMIT, and without what is done after that."""
    settings.MODELSYNC = {"sequence_on_commit": False}
    made = model(code="one", name="one")
    if what not in ("create", "bulk_create"):
        made.save(force_insert=True)
    with CaptureQueriesContext(connection) as queries:
        ways(model, [made])[what]()
    return sum(query["sql"] not in ("BEGIN", "COMMIT", "BEGIN IMMEDIATE") for query in queries)


def settle(model: Any) -> None:
    """Do now what the server would do at a time of its own, perhaps within the run."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f'VACUUM ANALYZE "{model._meta.db_table}"')
            cursor.execute("VACUUM ANALYZE modelsync_tracking_change")


if __name__ == "__main__":
    main(do)
