"""`manage.py tracking_scan`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from modelsync.tracking.log import append_unknown
from modelsync.tracking.registry import REGISTRY
from modelsync.tracking.sequencing import sequence


class Command(BaseCommand):
    """Finds what was written unseen."""

    help = (
        "Compare the objects of tracked models with the ledger, and capture what no capture saw: raw SQL, "
        "what the database did by itself, bulk writes through other managers. Run it after such writes, or "
        "now and then."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The models, and the database."""
        parser.add_argument("models", nargs="*", metavar="app.Model", help="default: all tracked models")
        parser.add_argument("--using", default="default", metavar="DB", help="the database; default: default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Look at one model after the other."""
        using = options["using"]
        known = {tracked.label.lower(): tracked for tracked in REGISTRY}
        for label in options["models"]:
            if label.lower() not in known:
                names = ", ".join(sorted(each.label for each in known.values())) or "none"
                raise CommandError(f"{label} is not tracked; tracked models are: {names}")
        wanted = [known[label.lower()] for label in options["models"]] or list(known.values())
        waiting = sequence(using)
        if waiting:
            self.stdout.write(f"{waiting:,} captured changes were waiting")
        for tracked in wanted:
            # Together, so that what is found is counted here.
            with transaction.atomic(using=using):
                append_unknown(tracked, using)
                found = sequence(using)
            self.stdout.write(f"{tracked.label}: {found:,} objects were written unseen")
