"""Our process of the push benchmark: jobs come as JSON lines, results go back as JSON lines."""

from __future__ import annotations

import random
import uuid
from datetime import timedelta
from time import monotonic, perf_counter, sleep
from typing import Any

from tests.bench.worker import main, measured


def do(job: dict[str, Any]) -> dict[str, Any]:
    """Do one of them."""
    match job["do"]:
        case "sequence":
            return sequence()
        case "drain":
            return drain(job["application"], job["objects"])
        case "save":
            return save(job["keys"])
        case _:
            return claim(job["application"], job["claims"], job["limit"])


def sequence() -> dict[str, Any]:
    """From what was captured to jobs."""
    from modelsync.tracking.sequencing import sequence

    return measured(lambda: {"entries": sequence()})


def drain(application: int, objects: int) -> dict[str, Any]:
    """What is due for one application."""
    from modelsync.push.delivery.draining import drain
    from tests.bench.state import WrongResultError

    def run() -> None:
        drained = drain(application)
        if (drained.done, drained.failed, drained.held_back) != (objects, 0, 0):
            raise WrongResultError(f"not {objects}: {drained}")

    return measured(run)


def save(keys: list[str]) -> dict[str, Any]:
    """Save each object once, at random intervals of 20 to 60 ms; when each was committed."""
    from django.db import transaction

    from tests.office.models import Unit

    committed: dict[str, float] = {}
    chance = random.Random(1)
    for key in keys:
        sleep(chance.uniform(0.020, 0.060))
        unit = Unit.objects.get(pk=key)
        unit.name = "another name"
        with transaction.atomic():
            # The first that is called after the commit.
            transaction.on_commit(lambda key=key: committed.setdefault(key, monotonic()))
            unit.save()
    return {"committed": committed}


def claim(application: int, claims: int, limit: int) -> dict[str, Any]:
    """Claim so many times, each time giving back what was claimed; the seconds of each claim and look."""
    from django.utils import timezone

    from modelsync.push.delivery.claiming import Wanted, claim, release
    from modelsync.push.delivery.draining import DUE, due_applications

    found: dict[str, list[float]] = {"claims": [], "looks": []}
    for _ in range(claims):
        now = timezone.now()
        started = perf_counter()
        due = due_applications("default", DUE, now)
        found["looks"].append(perf_counter() - started)
        token = uuid.uuid4()
        until = now + timedelta(seconds=60)
        wanted = Wanted(application=application, statuses=DUE, now=now, until=until, token=token)
        started = perf_counter()
        jobs = claim(wanted, limit, "default")
        found["claims"].append(perf_counter() - started)
        assert due == [application]
        assert len(jobs) == limit
        release(jobs, token, now, "default")
    return found


if __name__ == "__main__":
    main(do)
