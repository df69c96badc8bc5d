"""`manage.py push_sweep`."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from modelsync.core.errors import ConfigurationError, ModelSyncError


class Command(BaseCommand):
    """Sweeps once."""

    help = (
        "Have background workers (Celery or Django Tasks) send whatever is due, then end: for cron, where no "
        "beat of Celery's runs the task modelsync.push.sweep."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Only the database."""
        parser.add_argument("--using", default=DEFAULT_DB_ALIAS, metavar="DB", help="default: default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Sweep, and say how many tasks were queued."""
        if not apps.is_installed("modelsync.push"):
            raise CommandError('"modelsync.push" is not in INSTALLED_APPS', returncode=2)
        from modelsync.tasks.starting import start_of_settings
        from modelsync.tasks.working import run_sweep

        try:
            done = run_sweep(options["using"], start_of_settings())
        except ModelSyncError as error:
            status = 2 if isinstance(error, ConfigurationError) else 1
            raise CommandError(str(error), returncode=status) from error
        if options["verbosity"]:
            self.stdout.write(f"{done['started']:,} task(s) queued")
