"""From the feed to deliveries: what has a new version is due for every application."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from django.apps import apps
from django.db import transaction
from django.db.models import Case, F, Max, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from modelsync.push.applications import Application
from modelsync.push.jobs import JobChange
from modelsync.tracking.models import Ledger
from modelsync.tracking.registry import REGISTRY
from modelsync.tracking.sequencing import Entry, hold

#: Jobs that one statement is about.
_CHUNK: Final = 2_000
_STATUS: Final = JobChange.STATUS
_TYPES: Final = JobChange.CHANGE_TYPES


def enqueue(entries: Sequence[Entry], using: str, **_: object) -> None:
    """Have what was sequenced delivered to all applications, in the transaction that sequenced it.

    A delivery that is on its way stays where it is: whoever settles it sees that the version has risen.
    """
    applications = _applications(using)
    if not applications:
        return
    by_kind: defaultdict[tuple[str, bool], list[Entry]] = defaultdict(list)
    for entry in entries:
        by_kind[entry.label, entry.deleted].append(entry)
    for (label, deleted), group in by_kind.items():
        change = _TYPES.DELETE if deleted else _TYPES.CREATE_OR_UPDATE
        many = max(_CHUNK // len(applications), 1)
        for start in range(0, len(group), many):
            versions = {entry.key: entry.version for entry in group[start : start + many]}
            mine = JobChange.objects.using(using).filter(target_label=label, target_uuid__in=list(versions))
            _make_due(mine, change, applications, _ledger_version())
            add_missing(label, versions, change, applications, using)


def request(target_model: str, key: str, change_type: str, using: str) -> None:
    """Have one object delivered to all applications, though nothing was captured of it.

    Its version rises, so that it is taken.
    """
    label = label_of(target_model)
    with transaction.atomic(using=using):
        hold(using)
        applications = _applications(using)
        known = Ledger.objects.using(using).filter(model=label, object_pk=key)
        known.update(version=F("version") + 1)
        mine = JobChange.objects.using(using).filter(target_label=label, target_uuid=key)
        _make_due(mine, change_type, applications, Coalesce(_ledger_version(), F("version") + 1))
        version = known.values_list("version", flat=True).first()
        version = version or mine.aggregate(most=Max("version"))["most"] or 1
        add_missing(label, {key: version}, change_type, applications, using)


def resend(
    using: str, application: Application | None = None, former: UUID | None = None, **_: object
) -> None:
    """Have everything delivered anew, also what is on its way: to all applications, or to one.

    It is for what their filters now say, and for a new epoch of the feed after a `former` one. Versions rise,
    so that it is taken.
    """
    with transaction.atomic(using=using):
        hold(using)
        applications = [each for each in _applications(using) if application in (None, each)]
        Ledger.objects.using(using).update(version=F("version") + 1)
        jobs, now = JobChange.objects.using(using), timezone.now()
        for inactive in (True, False):
            some = [each.pk for each in applications if each.inactive == inactive]
            jobs.filter(application__in=some).update(
                version=Coalesce(_ledger_version(), F("version") + 1),
                status=_STATUS.ON_HOLD if inactive else _STATUS.WAITING,
                next_attempt_at=None if inactive else now,
                lease_token=None,
                attempts_started=0,
                attempts_finished=0,
                first_failure_at=None,
            )
        rows = Application.objects.using(using).filter(pk__in=[each.pk for each in applications])
        rows.update(backfill=[])
        if former:
            for each in rows.only("former_epochs"):
                each.former_epochs.append(str(former))
                rows.filter(pk=each.pk).update(former_epochs=each.former_epochs)


def label_of(target_model: str) -> str:
    """The label of a model by the name of its class: of the tracked one, or the only one; else the name."""
    if "." in target_model:
        return target_model
    tracked = [each.label for each in REGISTRY if each.model.__name__ == target_model]
    labels = tracked or [each._meta.label for each in apps.get_models() if each.__name__ == target_model]
    return labels[0] if len(labels) == 1 else target_model


def add_missing(
    label: str, versions: dict[str, int], change: str, applications: Sequence[Application], using: str
) -> int:
    """Add the jobs of these objects that are not there, for these applications; the number of them."""
    jobs, now = JobChange.objects.using(using), timezone.now()
    known = set(
        jobs.filter(
            application__in=applications, target_label=label, target_uuid__in=list(versions)
        ).values_list("application", "target_uuid")
    )
    made = [
        JobChange(
            application=application,
            change_type=change,
            target_label=label,
            target_model=label.rpartition(".")[2],
            target_uuid=key,
            status=_STATUS.ON_HOLD if application.inactive else _STATUS.WAITING,
            version=version,
            request_date_time=now,
            next_attempt_at=None if application.inactive else now,
        )
        for application in applications
        for key, version in versions.items()
        if (application.pk, key) not in known
    ]
    jobs.bulk_create(made, ignore_conflicts=True, batch_size=_CHUNK)
    return len(made)


def _applications(using: str) -> list[Application]:
    """All applications. None of them is made active or inactive until the transaction ends."""
    rows = Application.objects.using(using).order_by("pk").only("pk", "inactive")
    return list(
        rows.select_for_update(no_key=transaction.get_connection(using).features.has_select_for_no_key_update)
    )


def _ledger_version() -> Subquery:
    rows = Ledger.objects.filter(model=OuterRef("target_label"), object_pk=OuterRef("target_uuid"))
    return Subquery(rows.values("version"))


def _make_due(jobs: Any, change: str, applications: Sequence[Application], version: Any) -> None:
    for inactive in (True, False):
        some = [each.pk for each in applications if each.inactive == inactive]
        if some:
            mine = jobs.filter(pk__in=jobs.filter(application__in=some).locked())
            now = timezone.now()
            common = {"version": version, "change_type": change, "request_date_time": now}
            if inactive:
                mine.update(status=_STATUS.ON_HOLD, next_attempt_at=None, lease_token=None, **common)
            else:
                mine.update(**common, **_afresh(now))


def _afresh(now: Any) -> dict[str, Any]:
    """Due at once and as if never tried, unless it is on its way."""
    on_its_way = Q(lease_token__isnull=False, next_attempt_at__gt=now)
    fresh = {
        "status": _STATUS.WAITING,
        "attempts_started": 0,
        "attempts_finished": 0,
        "first_failure_at": None,
        "next_attempt_at": now,
        "lease_token": None,
    }
    return {
        name: Case(When(on_its_way, then=F(name)), default=Value(value, output_field=_field(name)))
        for name, value in fresh.items()
    }


def _field(name: str) -> Any:
    return JobChange._meta.get_field(name)
