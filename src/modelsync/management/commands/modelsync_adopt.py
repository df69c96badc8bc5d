"""`manage.py modelsync_adopt nsync`: go on with the systems and keys of an installed django-nsync."""

from __future__ import annotations

from typing import Any

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


class Command(BaseCommand):
    """Copies rows, never overwrites any, and can be run again at any time."""

    help = "Take over the external systems and key mappings of an installed django-nsync."

    def add_arguments(self, parser: CommandParser) -> None:
        """The package, the database, and how far to go."""
        parser.add_argument("package", choices=["nsync"], help="whose tables to take over")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="the database that holds them")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--drop", action="store_true", help="drop the package's tables after copying")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say what was done."""
        try:
            done = adopt_nsync(options["database"], dry_run=options["dry_run"], drop=options["drop"])
        except ModelSyncError as exc:
            status = 2 if isinstance(exc, ConfigurationError) else 1
            raise CommandError(str(exc), returncode=status) from exc
        for line in render(done, dry_run=options["dry_run"], drop=options["drop"]):
            self.stdout.write(line)


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
