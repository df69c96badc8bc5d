"""`manage.py gen_auth_header`."""

from __future__ import annotations

from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelsync.core.errors import ConfigurationError
from modelsync.dato.credentials import Credentials, new_password


class Command(BaseCommand):
    """Makes what the webhook and the settings need of each other."""

    help = (
        "Make a username and a password for the webhook of DatoCMS, and the setting that lets it in. Asks "
        "for both; an empty password is replaced by a random one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Answers to what would be asked."""
        parser.add_argument("--username", metavar="NAME", help="do not ask for it")
        parser.add_argument(
            "--no-input",
            "--noinput",
            action="store_false",
            dest="interactive",
            help="ask for nothing: the username is datocms unless --username says another, and the password "
            "random",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask, and print what goes where."""
        asks = options["interactive"]
        username = options["username"] or (input("Username: ") if asks else "datocms")
        password = getpass("Password (empty for a random one): ") if asks else ""
        try:
            made = Credentials(username=username, password=password or new_password())
        except ConfigurationError as error:
            raise CommandError(str(error), returncode=2) from error
        for line in (
            "Dato Config:",
            "  Endpoint: https://<your-domain>/dato-sync/sync/",
            f"  Username: {made.username}",
            f"  Password: {made.password}",
            "Django Config:",
            f'  DATO_SYNC_WEBHOOK_EXPECTED_AUTH="{made.header}"',
        ):
            self.stdout.write(line)
