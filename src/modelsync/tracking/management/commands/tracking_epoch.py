"""`manage.py tracking_epoch`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelsync.tracking.epochs import new_epoch
from modelsync.tracking.sequencing import epoch_of

_QUESTION = (
    "Everybody who follows the changes of this database will take all objects anew. Do this once, after the "
    "database was restored from a backup.\nBegin a new epoch? [y/N] "
)


class Command(BaseCommand):
    """Begins a new epoch of the feed."""

    help = (
        "Begin a new epoch of the feed. Run it after a database was restored from a backup: what others were "
        "told since then is unknown to it, and they will take all objects anew."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to ask, and the database."""
        parser.add_argument("--no-input", action="store_false", dest="asks", help="do not ask")
        parser.add_argument("--using", default="default", metavar="DB", help="the database; default: default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, begin it, and say so."""
        using = options["using"]
        if options["asks"] and not self._agrees():
            raise CommandError("nothing was done")
        before = epoch_of(using)
        epoch = new_epoch(using)
        self.stdout.write(f"database {using!r}: epoch {before} is over, epoch {epoch} has begun")

    def _agrees(self) -> bool:
        try:
            return input(_QUESTION).strip().lower() in {"y", "yes"}
        except EOFError:
            raise CommandError("nobody answers; say --no-input to begin a new epoch without asking") from None
