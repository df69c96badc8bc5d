"""Taking over what django-objectsyncer kept: its applications, and what they have not got yet.

Its tables are in the app that its models were copied to, or in `objectsyncer`. Applications keep their
primary keys, so that the rows of `applications_active` mean the same ones. Nothing of ours is overwritten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.management.color import no_style
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from modelsync.core.errors import ConfigurationError, ConflictError
from modelsync.push.applications import Application
from modelsync.push.jobs import JobChange
from modelsync.push.queueing import label_of

_STATUS: Final = JobChange.STATUS
_DUE: Final = (_STATUS.WAITING, _STATUS.WAITING_AFTER_ERROR)
_CHUNK: Final = 500
_APPLICATIONS: Final = "_application"
_JOBS: Final = "_jobchange"
_COLUMNS: Final = ("id", "name", "api_endpoint_base", "api_token_key", "inactive")
_JOB_COLUMNS: Final = (
    "application_id",
    "target_model",
    "target_uuid",
    "change_type",
    "status",
    "last_operation_result",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushAdoption:
    """Numbers of applications, and of jobs that were not done; `unknown` are the models that are not here."""

    app: str
    applications_found: int
    applications_copied: int
    jobs_found: int
    jobs_copied: int
    unknown: Sequence[str]


def adopt_objectsyncer(using: str, *, app: str | None = None, dry_run: bool = False) -> PushAdoption:
    """Copy the applications and the unfinished jobs of django-objectsyncer in the database `using`.

    `app` is the label of the app that has its tables; it is found out where there is only one. New
    applications get everything once more, like all that are new.

    Raises ConfigurationError when a table is missing, and ConflictError where another application has the
    primary key of one of theirs here; nothing is done then.
    """
    connection = connections[using]
    app = _found(connection, using, app)
    with transaction.atomic(using=using):
        applications = _read(connection, f"{app}{_APPLICATIONS}", _COLUMNS)
        copied = _copy_applications(applications, using)
        jobs = [
            row for row in _read(connection, f"{app}{_JOBS}", _JOB_COLUMNS) if row["status"] != _STATUS.DONE
        ]
        labels = {name: label_of(name) for name in {str(row["target_model"]) for row in jobs}}
        copied_jobs = _copy_jobs(jobs, labels, using)
        if dry_run:
            transaction.set_rollback(True, using=using)
    return PushAdoption(
        app=app,
        applications_found=len(applications),
        applications_copied=copied,
        jobs_found=len(jobs),
        jobs_copied=copied_jobs,
        unknown=sorted(name for name, label in labels.items() if "." not in label),
    )


def _found(connection: BaseDatabaseWrapper, using: str, app: str | None) -> str:
    """The label of the app that has their tables."""
    tables = set(connection.introspection.table_names())
    ours = JobChange._meta.db_table
    if not {ours, Application._meta.db_table} <= tables:
        raise ConfigurationError(
            f"database {using!r} has no tables of modelsync.push yet; "
            f"run: manage.py migrate --database {using}"
        )
    apps = sorted(
        table.removesuffix(_JOBS)
        for table in tables - {ours}
        if table.endswith(_JOBS) and f"{table.removesuffix(_JOBS)}{_APPLICATIONS}" in tables
    )
    wanted = [each for each in apps if app in (None, each)]
    if len(wanted) == 1:
        return wanted[0]
    if wanted:
        raise ConfigurationError(
            f"several apps have tables of django-objectsyncer; say --app: {', '.join(apps)}"
        )
    prefix = app or "APP"
    raise ConfigurationError(
        f"database {using!r} has no tables of django-objectsyncer "
        f"({prefix}{_APPLICATIONS}, {prefix}{_JOBS}): they were dropped, or are in another database "
        f"(--database)"
    )


def _read(connection: BaseDatabaseWrapper, table: str, columns: Sequence[str]) -> list[dict[str, Any]]:
    quote = connection.ops.quote_name
    names = ", ".join(quote(column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {names} FROM {quote(table)} ORDER BY {quote('id')}")
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _copy_applications(rows: Sequence[dict[str, Any]], using: str) -> int:
    """Copy those that are not here; the number of them."""
    ours = Application.objects.using(using)
    known = dict(ours.values_list("pk", "api_endpoint_base"))
    for row in rows:
        if known.get(row["id"], row["api_endpoint_base"]) != row["api_endpoint_base"]:
            raise ConflictError(
                f"the application {row['name']} has the primary key {row['id']}, which another one has here; "
                f"nothing was copied. Adopt before you make applications of your own"
            )
    new = [row for row in rows if row["id"] not in known]
    for row in new:
        values = {name: row[name] for name in _COLUMNS if name not in ("id", "inactive")}
        Application(pk=row["id"], inactive=bool(row["inactive"]), **values).save(
            using=using, force_insert=True
        )
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Application]):
            cursor.execute(statement)
    return len(new)


def _copy_jobs(rows: Sequence[dict[str, Any]], labels: Mapping[str, str], using: str) -> int:
    """Copy the jobs of models that are here, unless there is one of the same object; the number of them."""
    jobs, now = JobChange.objects.using(using), timezone.now()
    inactive = dict(Application.objects.using(using).values_list("pk", "inactive"))
    known = set(jobs.values_list("application_id", "target_label", "target_uuid"))
    made: dict[tuple[int, str, str], JobChange] = {}
    for row in rows:
        label = labels[row["target_model"]]
        place = row["application_id"], label, str(row["target_uuid"])
        if "." not in label or place in known:
            continue
        status = _STATUS.ON_HOLD if inactive[place[0]] else _STATUS(row["status"])
        made[place] = JobChange(
            application_id=place[0],
            target_label=label,
            target_model=row["target_model"],
            target_uuid=place[2],
            change_type=row["change_type"],
            status=status,
            next_attempt_at=now if status in _DUE else None,
            last_operation_result=row["last_operation_result"],
            may_hold=True,
        )
    jobs.bulk_create(made.values(), batch_size=_CHUNK)
    return len(made)
