"""What the push benchmark pushes: applications, objects, what was captured of them, and what is due."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connections, transaction
from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.utils import timezone

from modelsync.push.models import Application, Attempt, JobChange
from modelsync.tracking.models import Change, Ledger
from tests.bench.push_given import API_KEY, SIGNING_SECRET, units
from tests.bench.state import WrongResultError
from tests.office.models import Unit

LABEL = "office.Unit"
_BATCH = 2_000
_STATUS = JobChange.STATUS


def application(alias: str, name: str, url: str, *, protocol: int, inactive: bool = False) -> int:
    """Make an application that is not backfilled; its number."""
    made = Application(
        name=name,
        api_endpoint_base=url,
        api_token_key=API_KEY,
        signing_secrets=[SIGNING_SECRET],
        protocol=protocol,
        inactive=inactive,
        backfill=None,
    )
    made.save(using=alias)
    return int(made.pk)


def fill(alias: str, objects: int, applications: Sequence[int] = ()) -> list[str]:
    """Make objects of which nothing is captured, active for these applications; their keys."""
    made = units(Unit, objects)
    QuerySet(Unit, using=alias).bulk_create(made, batch_size=_BATCH)
    through = Unit.applications_active.through
    for number in applications:
        links = [through(unit_id=each.pk, application_id=number) for each in made]
        QuerySet(through, using=alias).bulk_create(links, batch_size=_BATCH)
    return [str(each.pk) for each in made]


def capture(alias: str, keys: Sequence[str], said: str) -> None:
    """Change the objects, and leave them captured and not sequenced."""
    QuerySet(Unit, using=alias).update(name=Value(said), version=F("version") + 1)
    now = timezone.now()
    changes = [Change(model=LABEL, object_pk=key, op=Change.Op.UPSERT, created_at=now) for key in keys]
    QuerySet(Change, using=alias).bulk_create(changes, batch_size=_BATCH)


def forget(alias: str) -> None:
    """As if nothing had ever been captured."""
    for model in (Attempt, JobChange, Ledger, Change):
        QuerySet(model, using=alias)._raw_delete(alias)
    settle(alias)


def make_ready(alias: str) -> None:
    """Nothing is due, and no application was ever unreachable."""
    QuerySet(Attempt, using=alias)._raw_delete(alias)
    jobs = QuerySet(JobChange, using=alias)
    jobs.exclude(next_attempt_at=None).update(status=_STATUS.DONE, next_attempt_at=None, lease_token=None)
    Application.objects.using(alias).update(failures=0, failing_since=None, not_before=None)
    settle(alias)


def make_due(alias: str, applications: Sequence[int], keys: Sequence[str]) -> None:
    """Have newer versions of these objects due for these applications, all at once."""
    ledger = Ledger.objects.using(alias).filter(model=LABEL)
    newest = ledger.filter(object_pk=OuterRef("target_uuid")).values("version")
    with transaction.atomic(using=alias):
        for start in range(0, len(keys), _BATCH):
            some = keys[start : start + _BATCH]
            ledger.filter(object_pk__in=some).update(version=F("version") + 1)
            QuerySet(JobChange, using=alias).filter(
                application__in=applications, target_uuid__in=some
            ).update(
                status=_STATUS.WAITING,
                version=Subquery(newest),
                next_attempt_at=timezone.now(),
                attempts_started=0,
                attempts_finished=0,
            )


def settle(alias: str) -> None:
    """Do now what the server would do at a time of its own, perhaps within the next run."""
    connection = connections[alias]
    names = [connection.ops.quote_name(m._meta.db_table) for m in (JobChange, Attempt, Ledger, Change, Unit)]
    with connection.cursor() as cursor:
        for name in names:
            if connection.vendor == "postgresql":
                cursor.execute(f"VACUUM (ANALYZE) {name}")
            elif connection.vendor == "mysql":
                cursor.execute(f"ANALYZE TABLE {name}")
                cursor.fetchall()
        if connection.vendor == "sqlite":
            cursor.execute("ANALYZE")
        elif connection.vendor == "postgresql":
            cursor.execute("CHECKPOINT")


def check_delivered(alias: str, number: int, objects: int, told: dict[str, Any]) -> None:
    """Raise WrongResultError unless the receiver has so many objects, once each, and the jobs are done."""
    if (len(told["objects"]), told["many"]) != (objects, objects):
        raise WrongResultError(f"{told['many']} came, of {len(told['objects'])} objects, not {objects}")
    left = JobChange.objects.using(alias).filter(application=number).exclude(status=_STATUS.DONE).count()
    if left:
        raise WrongResultError(f"{left} jobs are not done")
