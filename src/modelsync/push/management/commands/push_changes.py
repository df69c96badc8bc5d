"""`manage.py push_changes`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from modelsync.core.errors import ModelSyncError
from modelsync.push.delivery.draining import Delivered, Drain
from modelsync.push.jobs import JobChange
from modelsync.push.workers import find_application, push_once, waiting
from modelsync.tracking.sequencing import sequence

_STATUS = JobChange.STATUS


class Command(BaseCommand):
    """Sends what waits, once."""

    help = (
        "Send the changes that are waiting to their applications, then end: for cron. What failed before is "
        "sent with --retryfail, what was given up with --retryfatal. sync_worker goes on instead, and tries "
        "again by itself. The exit status is 1 if anything failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """As documented by django-objectsyncer, and more."""
        parser.add_argument("--retryfail", action="store_true", help="also what failed, without waiting")
        parser.add_argument("--retryfatal", action="store_true", help="also what was given up")
        parser.add_argument("--verbose", action="store_true", help="tell of each object")
        parser.add_argument("--application", metavar="APP", help="only this one: its name or number")
        parser.add_argument("--dry-run", action="store_true", help="only tell what would be sent")
        parser.add_argument("--using", default="default", metavar="DB", help="the database; default: default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sequence, have due what shall be retried, drain."""
        try:
            self._push(**options)
        except ModelSyncError as error:
            raise CommandError(str(error)) from error

    def _push(self, *, using: str, application: str | None, dry_run: bool, **options: Any) -> None:
        only = None if application is None else find_application(application, using)
        failed = [_STATUS.WAITING_AFTER_ERROR] * options["retryfail"]
        fatal = [_STATUS.FATAL_ERROR] * options["retryfatal"]
        sequence(using)
        jobs = waiting(using, [_STATUS.WAITING, *failed, *fatal], only)
        if dry_run or options["verbose"]:
            self.stdout.write(f"{jobs.count():,} job(s) found")
        if dry_run:
            self._tell_by_application(jobs)
            return
        jobs.filter(status__in=[*failed, *fatal]).retry(timezone.now())
        drained = push_once(
            Drain(using=using, statuses=[_STATUS.WAITING], watchers=[_Teller(self, options["verbose"])]),
            None if only is None else [only.pk],
        )
        if options["verbose"]:
            self.stdout.write(
                f"{drained.done:,}/{drained.done + drained.failed:,} job(s) successfully pushed"
            )
        left = waiting(using, [_STATUS.WAITING], only).count()
        if left:
            self.stderr.write(
                f"{left:,} job(s) are left: another worker has them, or their application does not answer"
            )
        if drained.failed:
            raise CommandError(f"{drained.failed:,}/{drained.done + drained.failed:,} job(s) failed")

    def _tell_by_application(self, jobs: Any) -> None:
        places = ("application__name", "target_model", "change_type")
        for name, model, change in jobs.values_list(*places).order_by(*places).distinct():
            some = jobs.filter(application__name=name, target_model=model, change_type=change)
            self.stdout.write(f"  {name}: {some.count():,} {model}, {change}")


class _Teller:
    """Writes what becomes of each job."""

    def __init__(self, command: BaseCommand, is_verbose: bool) -> None:
        self.command = command
        self.is_verbose = is_verbose

    def reached(self, step: str) -> None:
        """Steps are not told."""

    def delivered(self, told: Delivered) -> None:
        """A line for each, on success only if wanted."""
        if told.error is not None:
            name = f"Job #{told.number} ({told.label} {told.key})"
            self.command.stderr.write(f"{name} failed with error {told.error}")
        elif self.is_verbose:
            self.command.stdout.write(f"Job #{told.number} successfully pushed")
