"""manage.py sync NAME..."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandError

from modelsync.core.errors import ConfigurationError
from modelsync.management import arguments
from modelsync.management.outputs import file_name
from modelsync.management.running import SyncCommand, command_errors, run_and_tell, settle
from modelsync.service import Options
from modelsync.syncs import Sync, find_sync, registered


class Command(SyncCommand):
    """Runs the syncs that apps declare in their `syncs.py`."""

    help = (
        "Run declared syncs, one after the other; an error stops the sequence. "
        "Exit status: 0 all well, 1 rows were refused or a limit stopped a run, 2 wrong use."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("names", nargs="*", metavar="NAME", help="the syncs to run, in this order")
        parser.add_argument("--list", action="store_true", help="list the declared syncs")
        parser.add_argument("--all", action="store_true", help="run all of them, by name")
        arguments.add_run_arguments(parser, declared=True)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run or list them."""
        with command_errors():
            known = registered()
            if options["list"]:
                self._list(known)
                return
            names = list(known) if options["all"] else options["names"]
            if not names:
                there = ", ".join(known) or "none yet; declare one in yourapp/syncs.py"
                raise CommandError(f"say which syncs to run, or --all; there are: {there}", returncode=2)
            declared = [find_sync(name)() for name in names]
        for each in declared:
            self._run(each, options, several=len(declared) > 1)

    def _run(self, each: Sync, options: dict[str, Any], *, several: bool) -> None:
        if several and options["report"] == "text" and options["verbosity"] > 0:
            self.stdout.write(self.style.MIGRATE_HEADING(each.name))
        with command_errors():
            chosen = _options(each, options)
            report = run_and_tell(
                self,
                _outputs_of(each, options) if several else options,
                each.feeds(chosen.batch_rows),
                chosen,
                as_json=lambda report: json.dumps(
                    {"sync": each.name, **report.as_dict()}, ensure_ascii=False
                ),
            )
        settle(report, chosen)

    def _list(self, known: dict[str, type[Sync]]) -> None:
        if not known:
            self.stdout.write("No syncs are declared. Declare them in yourapp/syncs.py: see the how-to.")
        width = max(map(len, known), default=0)
        for name, sync in known.items():
            label = sync.model if isinstance(sync.model, str) else sync.model._meta.label
            said = (sync.__dict__.get("__doc__") or "").strip().partition("\n")[0]
            origin = f" from {sync.system}" if sync.system else ""
            self.stdout.write(f"{name:{width}}  {label}{origin}{': ' + said if said else ''}")


def _options(sync: Sync, options: dict[str, Any]) -> Options:
    """What the sync declares, with what the command line adds."""
    declared = sync.options()
    given = arguments.options_from(options)
    changed = {
        name: getattr(given, name)
        for name in ("max_deletes", "max_errors", "commit_every")
        if options[name] is not None
    }
    if "commit_every" in changed:
        changed["batch_rows"] = given.batch_rows
    return replace(
        declared,
        dry_run=given.dry_run,
        resume=given.resume,
        skip_errors=given.skip_errors or declared.skip_errors,
        changes=given.changes,
        tell_changes=given.tell_changes,
        started_by=given.started_by,
        **changed,
    )


def _outputs_of(sync: Sync, options: dict[str, Any]) -> dict[str, Any]:
    """The options with outputs of this sync's own: `--rejects` and `--diff` are folders of several syncs."""
    changed: dict[str, Any] = {}
    for name in ("rejects", "diff"):
        folder = arguments.output_path(options, name)
        if folder is None:
            continue
        if folder.suffix and not folder.is_dir():
            raise ConfigurationError(f"--{name} takes a folder when there are several syncs, not {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        changed[name] = folder / f"{file_name(sync.name)}.csv"
    return options | changed
