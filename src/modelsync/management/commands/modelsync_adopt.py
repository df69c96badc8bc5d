"""`manage.py modelsync_adopt PACKAGE`: go on with what an installed package of another name kept."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS

from modelsync.adopt import Adoption, adopt_nsync
from modelsync.core.errors import ConfigurationError, ModelSyncError

NEXT = """
What else to change:
  1. In INSTALLED_APPS, replace "nsync" by "modelsync".
  2. In imports, replace nsync.models and nsync.policies by modelsync.models and modelsync.policies.
  3. ExternalKeyMapping.object_id is text now: filter by str(pk).
  4. The commands syncfile and syncfiles, their options and your files stay as they are.
"""
NEXT_PUSH = """
What else to change:
  1. In imports, replace the models of django-objectsyncer by those of modelsync.push.models.
  2. Run makemigrations. Where it removes applications_active and adds it anew, as with Django 6.1, make one
     AlterField of the two: it keeps the rows. Then run migrate.
  3. The command push_changes and its options stay as they are.
Applications that were copied get everything once more, so that nothing is missing there.
"""


class Command(BaseCommand):
    """Copies rows, never overwrites any, and can be run again at any time."""

    help = (
        "Take over the external systems and key mappings of an installed django-nsync, or the applications "
        "and the unfinished jobs of django-objectsyncer."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The package, the database, and how far to go."""
        parser.add_argument("package", choices=["nsync", "objectsyncer"], help="whose tables to take over")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="the database that holds them")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--drop", action="store_true", help="of nsync: drop its tables after copying")
        parser.add_argument(
            "--app", metavar="LABEL", help="of objectsyncer: the app that has its models, where several have"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say what was done."""
        try:
            lines = (
                _from_objectsyncer(options) if options["package"] == "objectsyncer" else _from_nsync(options)
            )
        except ModelSyncError as exc:
            status = 2 if isinstance(exc, ConfigurationError) else 1
            raise CommandError(str(exc), returncode=status) from exc
        for line in lines:
            self.stdout.write(line)


def _from_nsync(options: dict[str, Any]) -> list[str]:
    if options["app"]:
        raise ConfigurationError(
            "--app is for objectsyncer: the tables of django-nsync have names of their own"
        )
    done = adopt_nsync(options["database"], dry_run=options["dry_run"], drop=options["drop"])
    return render(done, dry_run=options["dry_run"], drop=options["drop"])


def _from_objectsyncer(options: dict[str, Any]) -> list[str]:
    if options["drop"]:
        raise ConfigurationError(
            "--drop is for nsync: take the models out of their app, and makemigrations drops their tables"
        )
    if not apps.is_installed("modelsync.push"):
        raise ConfigurationError('put "modelsync.tracking" and "modelsync.push" into INSTALLED_APPS first')
    from modelsync.push.adopting import adopt_objectsyncer

    done = adopt_objectsyncer(options["database"], app=options["app"], dry_run=options["dry_run"])
    copied = "would be copied" if options["dry_run"] else "copied"
    lines = [
        f"applications of {done.app}: {done.applications_found} found, {done.applications_copied} {copied}",
        f"unfinished jobs: {done.jobs_found} found, {done.jobs_copied} {copied}",
    ]
    if done.unknown:
        lines.append(f"  left out, since no model here has the name: {', '.join(done.unknown)}")
    return [*lines, NEXT_PUSH.rstrip()]


def render(done: Adoption, *, dry_run: bool, drop: bool) -> list[str]:
    """The lines that tell a person what was done, or would be."""
    copied = "would be copied" if dry_run else "copied"
    lines = [
        f"external systems: {done.systems_found} found, {done.systems_copied} {copied}",
        f"key mappings: {done.keys_found} found, {done.keys_copied} {copied}",
    ]
    if done.unusable:
        lines.append(f"  {done.unusable} left out: blank, or the double of another but for spaces around it")
    if done.different:
        lines.append(f"  {done.different} point to another object here already, and still do")
    if drop:
        lines.append("the tables of django-nsync " + ("were dropped" if done.dropped else "would be dropped"))
    return [*lines, NEXT.rstrip()]
