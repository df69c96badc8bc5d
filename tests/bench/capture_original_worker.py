"""The original's process of the capture benchmark: jobs come as JSON lines, results go back as JSON lines."""

from __future__ import annotations

import time
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.bench.capture_worker import ways
from tests.bench.worker import main


def do(job: dict[str, Any]) -> dict[str, Any]:
    """Make the tables and an application, or measure one thing."""
    from centralhub.models import Application, JobChange, Unit

    if job["do"] == "prepare":
        with connection.schema_editor() as editor:
            for model in (Application, JobChange, Unit):
                editor.create_model(model)
        Application.objects.create(name="branch", api_endpoint_base="http://127.0.0.1/", api_token_key="x")
        return {}
    for model in (JobChange, Unit.applications_active.through, Unit):
        model.objects.all()._raw_delete("default")
    objects = [Unit(code=f"U-{n}", name=f"Unit {n}") for n in range(job["count"])]
    if job["what"] != "create":
        Unit.objects.bulk_create(objects)
        links = [
            Unit.applications_active.through(unit=each, application=Application.objects.get())
            for each in objects
        ]
        Unit.applications_active.through.objects.bulk_create(links)
        objects = list(Unit.objects.all())
    last = objects.pop()
    started = time.perf_counter()
    ways(Unit, objects)[job["what"]]()
    seconds = (time.perf_counter() - started) * job["count"] / len(objects)
    with CaptureQueriesContext(connection) as queries:
        ways(Unit, [last])[job["what"]]()
    said = ("BEGIN", "COMMIT", "BEGIN IMMEDIATE")
    return {"seconds": seconds, "statements": sum(query["sql"] not in said for query in queries)}


if __name__ == "__main__":
    main(do)
