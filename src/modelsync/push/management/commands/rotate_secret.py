"""`manage.py rotate_secret`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelsync.core.errors import ConfigurationError
from modelsync.push.rotation import Rotated, find, finish, reencrypt, renew_api_key, rotate

_RECEIVER = 'MODELSYNC["push"]["receiver"]'


class Command(BaseCommand):
    """Makes new secrets."""

    help = (
        "Give an application a new signing secret. The old ones sign as well until --finish, so that nothing "
        "is refused meanwhile."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The application, and what to do."""
        parser.add_argument("application", nargs="?", metavar="APP", help="the name or id of an application")
        parser.add_argument(
            "--keep", type=int, metavar="N", help="how many of the old secrets still sign; default: all"
        )
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--finish", action="store_true", help="drop all signing secrets but the newest")
        what.add_argument("--api-key", action="store_true", help="of protocol 1: make a new Api-Key")
        what.add_argument(
            "--reencrypt",
            action="store_true",
            help="make no secret; encrypt those of all applications with the first of the encryption keys",
        )
        parser.add_argument("--using", default="default", metavar="DB", help="the database; default: default")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what to do next."""
        try:
            lines = _done(options)
        except ConfigurationError as error:
            raise CommandError(str(error), returncode=2) from error
        for line in lines:
            self.stdout.write(line)


def _done(options: dict[str, Any]) -> list[str]:
    using, keep = options["using"], options["keep"]
    makes_secret = not (options["finish"] or options["api_key"] or options["reencrypt"])
    if keep is not None and (keep < 0 or not makes_secret):
        raise ConfigurationError("--keep is a number of old secrets, 0 or more, and stands by itself")
    if options["reencrypt"]:
        if options["application"]:
            raise ConfigurationError("--reencrypt is for all applications; leave APP out")
        return [f"{reencrypt(using)} applications have their secrets encrypted with the first key"]
    if not options["application"]:
        raise ConfigurationError("which application? Give its name or id")
    application = find(options["application"], using)
    if options["finish"]:
        return _render_finished(finish(application, using))
    if options["api_key"]:
        return _render_key(renew_api_key(application, using))
    return _render_secret(rotate(application, using, keep), using)


def _render_secret(rotated: Rotated, using: str) -> list[str]:
    application = rotated.application
    lines = [
        f"The new signing secret of {application.name}; it is not shown again:",
        "",
        f"    {rotated.secret}",
        "",
        f'Add it there now, before what is there: {_RECEIVER}["secrets"], if it runs django-modelsync.',
    ]
    if not rotated.old:
        return lines
    database = "" if using == "default" else f" --using {using}"
    return [
        *lines,
        f"Until then the older ones ({rotated.old}) sign as well. Then drop them here, and after that there:",
        "",
        f"    manage.py rotate_secret {application.pk} --finish{database}",
    ]


def _render_finished(rotated: Rotated) -> list[str]:
    name = rotated.application.name
    if not rotated.dropped:
        return [f"{name} had no older signing secrets; nothing is changed"]
    return [f"{name}: the older signing secrets ({rotated.dropped}) are dropped; remove them there, too"]


def _render_key(rotated: Rotated) -> list[str]:
    return [
        f"The new Api-Key of {rotated.application.name}, sent from now on; it is not shown again:",
        "",
        f"    {rotated.secret}",
        "",
        f'Add it there now: {_RECEIVER}["keys"], if it runs django-modelsync. What is refused until then is '
        f"tried again.",
    ]
