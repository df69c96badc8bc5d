"""The original's process of the push benchmark: jobs come as JSON lines, results go back as JSON lines."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command

from tests.bench.worker import main, measured


def do(job: dict[str, Any]) -> dict[str, Any]:
    """Do one of them."""
    return fill(job["url"], job["objects"]) if job["do"] == "fill" else push(job["objects"])


def fill(url: str, objects: int) -> dict[str, Any]:
    """Make the tables, an application, and objects that are active for it."""
    from centralhub.models import Application, JobChange, Unit
    from django.db import connection

    from tests.bench.push_given import API_KEY, units

    with connection.schema_editor() as editor:
        for model in (Application, JobChange, Unit):
            editor.create_model(model)
    application = Application.objects.create(name="receiver", api_endpoint_base=url, api_token_key=API_KEY)
    made = Unit.objects.bulk_create(units(Unit, objects))
    through = Unit.applications_active.through
    through.objects.bulk_create([through(unit=each, application=application) for each in made])
    return {}


def push(objects: int) -> dict[str, Any]:
    """A job for each object, then `push_changes`."""
    from centralhub.models import JobChange, Unit

    JobChange.objects.all().delete()
    for key in Unit.objects.order_by("pk").values_list("pk", flat=True):
        JobChange.create("Unit", key)

    def run() -> None:
        call_command("push_changes")
        done = JobChange.objects.filter(status=JobChange.STATUS.DONE).count()
        if done != objects:
            raise RuntimeError(f"{done} jobs are done, not {objects}")

    return measured(run)


if __name__ == "__main__":
    main(do)
