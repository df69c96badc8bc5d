"""Runs, rejections and checkpoints, kept in the database that is synced."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import isfinite

from django.db.models import DateTimeField, F, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from modelsync.core.records import OMITTED, Origin
from modelsync.core.results import Rejection as Refused
from modelsync.core.results import Report, Status, plain
from modelsync.models import Checkpoint, Rejection, Run

#: Most rejections that are kept of a run without resume points.
KEPT_REJECTIONS = 10_000
#: What a resumed run has to know of the report besides the tally.
_COUNTED = ("keys_written", "keys_removed", "removed")


class DatabaseJournal:
    """Keeps a run in the database. A dry run leaves nothing behind, so it is not kept.

    `fingerprint` tells inputs and options apart: a run resumes only what is the same.
    """

    def __init__(
        self, *, using: str, name: str, fingerprint: str, options: Mapping[str, object], started_by: str = ""
    ) -> None:
        self.using = using
        self.name = name
        self.fingerprint = fingerprint
        self.options = options
        self.started_by = started_by
        self.run: Run | None = None
        self.kept = 0

    def start(self, report: Report) -> None:
        """Write the run's row, before its transaction begins."""
        if report.dry_run:
            return
        self.run = Run(
            name=self.name[:200],
            started_at=timezone.now(),
            options=dict(self.options),
            started_by=self.started_by[:150],
        )
        self.run.save(using=self.using)
        report.run_id = self.run.pk

    def checkpoint(self, state: Mapping[str, object], report: Report) -> None:
        """Keep a resume point in the open transaction, with the rejections that came before it."""
        assert self.run is not None, "a dry run has no checkpoints"
        self._keep(report.rejections[self.kept :])
        self.kept = len(report.rejections)
        counted = {name: getattr(report, name) for name in _COUNTED}
        kept = {**state, **counted, "rejections": self.kept}
        Checkpoint._base_manager.using(self.using).update_or_create(
            fingerprint=self.fingerprint,
            defaults={"run": self.run, "state": json.dumps(kept).encode()},
        )

    def resume_point(self, report: Report) -> Mapping[str, object] | None:
        """The kept resume point of the same input and options.

        The report gets what was counted and refused by then; the run that was interrupted is ended.
        """
        points = Checkpoint._base_manager.using(self.using).select_related("run")
        found = points.filter(fingerprint=self.fingerprint).first()
        self._end_interrupted(found)
        if found is None:
            report.notes.append(
                "There is nothing to resume for this input and these options: the run began at the first row."
            )
            return None
        state: dict[str, object] = json.loads(bytes(found.state))
        for name in _COUNTED:
            setattr(report, name, int(str(state[name])))
        refused = Rejection._base_manager.using(self.using).filter(run=found.run).order_by("pk")
        report.rejections.extend(_refused(row) for row in refused[: int(str(state["rejections"]))])
        when = f"{found.updated_at:%Y-%m-%d %H:%M:%S %Z}"
        report.notes.append(f"Resumed run {found.run.pk} after its last commit, of {when}.")
        return state

    def finish(self, report: Report) -> None:
        """Write the result; a run that came to its end needs no checkpoint any more."""
        if self.run is None:
            return
        self.run.finished_at = timezone.now()
        self.run.status = report.status.value
        self.run.counts = {outcome.label: count for outcome, count in report.counts.items()}
        self.run.error = report.error or ""
        summary = report.as_dict()
        for listed in ("rejections", "skips"):
            summary.pop(listed)
        self.run.report = summary
        self.run.save(using=self.using)
        # Asked, not remembered: the transaction of the last checkpoint may have failed.
        kept = Rejection._base_manager.using(self.using).filter(run=self.run).count()
        self._keep(report.rejections[kept:KEPT_REJECTIONS])
        if report.committed:
            Checkpoint._base_manager.using(self.using).filter(fingerprint=self.fingerprint).delete()

    def _keep(self, rejections: Iterable[Refused]) -> None:
        rows = [_row(self.run, rejection) for rejection in rejections]
        Rejection._base_manager.using(self.using).bulk_create(rows, batch_size=500)

    def _end_interrupted(self, point: Checkpoint | None) -> None:
        """Killed runs could not say themselves that they are over; one that is alive says so in the end."""
        if self.run is None:
            return
        left = Run._base_manager.using(self.using).filter(
            name=self.run.name, status=Status.RUNNING.value, pk__lt=self.run.pk
        )
        seen = Value(point.updated_at, output_field=DateTimeField()) if point else F("started_at")
        left.update(
            status=Status.FAILED.value,
            finished_at=Greatest(F("started_at"), seen),
            error=f"interrupted; resumed as run {self.run.pk}",
        )


def _row(run: Run | None, rejection: Refused) -> Rejection:
    width = len(rejection.columns)
    sent = [(c, v) for c, v in zip(rejection.columns, rejection.raw, strict=False) if v is not OMITTED]
    return Rejection(
        run=run,
        number=rejection.number,
        origin=str(rejection.origin or ""),
        column=_storable(rejection.column or "")[:255],
        value="" if rejection.value is None else _storable(str(rejection.value)),
        reason=_storable(rejection.reason),
        raw={
            # Lists, as a JSON object forgets the order of its names on PostgreSQL.
            "columns": [_storable(column) for column, _ in sent],
            "cells": [_json(cell) for _, cell in sent] + [_json(cell) for cell in rejection.raw[width:]],
            "value": _json(rejection.value),
            "column": rejection.column and _storable(rejection.column),
            "model": rejection.model,
            "system": rejection.system,
        },
    )


def _refused(row: Rejection) -> Refused:
    return Refused(
        number=row.number,
        reason=row.reason,
        origin=Origin(row.origin) if row.origin else None,
        column=row.raw["column"],
        value=row.raw["value"],
        columns=tuple(row.raw["columns"]),
        raw=tuple(row.raw["cells"]),
        model=row.raw["model"],
        system=row.raw["system"],
    )


def _json(cell: object) -> object:
    """A cell as JSON that every database takes: neither NaN nor NUL nor half of a surrogate pair."""
    match cell:
        case str():
            return _storable(cell)
        case list():
            return [_json(each) for each in cell]
        case dict():
            return {_storable(str(name)): _json(each) for name, each in cell.items()}
        case float() if not isfinite(cell):
            return str(cell)
        case _:
            return plain(cell)


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
