"""`manage.py sync_worker`."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelsync.core.errors import ModelSyncError
from modelsync.push.delivery.draining import Drain
from modelsync.push.settings import push_settings
from modelsync.push.workers import Pace, Worker


class Command(BaseCommand):
    """Sends changes as they come, until it is stopped."""

    help = (
        "Send changes to their applications as they come, and try again what failed, until SIGTERM or "
        "ctrl-c: what is under way then is finished first. Start as many as you like, on as many machines."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How fast, and how much at a time."""
        parser.add_argument(
            "--interval", type=float, default=0.1, metavar="SECONDS", help="between two looks; default: 0.1"
        )
        parser.add_argument(
            "--concurrency", type=int, default=8, metavar="N", help="applications at a time; default: 8"
        )
        parser.add_argument("--using", default="default", metavar="DB", help="the database; default: default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work."""
        if options["interval"] <= 0 or options["concurrency"] < 1:
            raise CommandError("--interval takes seconds above 0, --concurrency a number of 1 or more")
        pace = Pace(interval=options["interval"], concurrency=options["concurrency"])
        worker = Worker(Drain(using=options["using"]), pace)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: worker.stop())
        try:
            push_settings()
            self.stdout.write("sending changes as they come; stop with SIGTERM or ctrl-c")
            self.stdout.flush()
            worker.run()
        except ModelSyncError as error:
            raise CommandError(str(error)) from error
        self.stdout.write("stopped")
