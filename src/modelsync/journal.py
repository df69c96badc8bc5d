"""Runs, rejections and checkpoints, kept in the database that is synced."""

from __future__ import annotations

import json
from collections.abc import Mapping

from django.utils import timezone

from modelsync.core.results import Report, plain
from modelsync.models import Checkpoint, Rejection, Run

KEPT_REJECTIONS = 10_000


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
        """Keep a resume point in the open transaction."""
        kept = {**state, "keys_written": report.keys_written, "keys_removed": report.keys_removed}
        Checkpoint._base_manager.using(self.using).update_or_create(
            fingerprint=self.fingerprint,
            defaults={"run": self.run, "state": json.dumps(kept).encode()},
        )

    def resume_point(self, report: Report) -> Mapping[str, object] | None:
        """The kept resume point of the same input and options."""
        found = Checkpoint._base_manager.using(self.using).filter(fingerprint=self.fingerprint).first()
        if found is None:
            return None
        state: dict[str, object] = json.loads(bytes(found.state))
        report.keys_written = int(str(state["keys_written"]))
        report.keys_removed = int(str(state["keys_removed"]))
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
        Rejection._base_manager.using(self.using).bulk_create(
            [
                Rejection(
                    run=self.run,
                    number=r.number,
                    origin=str(r.origin or ""),
                    column=(r.column or "")[:255],
                    value="" if r.value is None else str(r.value),
                    reason=r.reason,
                    raw={c: plain(v) for c, v in zip(r.columns, r.raw, strict=False)},
                )
                for r in report.rejections[:KEPT_REJECTIONS]
            ],
            batch_size=500,
        )
        if report.committed:
            Checkpoint._base_manager.using(self.using).filter(fingerprint=self.fingerprint).delete()
