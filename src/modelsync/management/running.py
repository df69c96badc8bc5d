"""Running feeds for a command: progress, files, the report, the exit status."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from modelsync.core.errors import ConfigurationError, ModelSyncError
from modelsync.core.ports import Observer
from modelsync.core.results import Report
from modelsync.management.arguments import check_outputs
from modelsync.management.outputs import DiffWriter, RejectsWriter
from modelsync.management.rendering import progress, render


@contextmanager
def command_errors() -> Iterator[None]:
    """Our errors as CommandErrors without a traceback: status 2 for wrong use, 1 for the rest."""
    try:
        yield
    except ConfigurationError as error:
        raise CommandError(str(error), returncode=2) from error
    except ModelSyncError as error:
        raise CommandError(str(error), returncode=1) from error


def run_and_tell(
    command: BaseCommand,
    options: Mapping[str, Any],
    run: Callable[[Sequence[Observer]], Report],
    *,
    several: bool,
) -> Report:
    """Run, show progress, write the files that were asked for, and print the report."""
    check_outputs(options)
    rejects = RejectsWriter(options["rejects"], several=several) if options["rejects"] else None
    diff = DiffWriter(options["diff"]) if options["diff"] else None
    wanted = options["verbosity"] > 0 and options["report"] == "text"
    with progress(command.stderr, wanted=wanted) as observers:
        report = run([*observers, *(each for each in (rejects, diff) if each)])
    if options["report"] == "json":
        command.stdout.write(json.dumps(report.as_dict(), indent=2, ensure_ascii=False))
        return report
    if options["verbosity"] > 0:
        width = shutil.get_terminal_size((110, 24)).columns
        command.stdout.write(render(report, width=width, all_rejections=rejects is None))
        for path in rejects.written if rejects else ():
            command.stdout.write(f"The refused rows are in {path}: mend them and feed the file again.")
        if diff:
            command.stdout.write(f"{diff.changes:,} changes are in {diff.path}.")
    return report


def settle(report: Report) -> None:
    """Raise CommandError where the exit status says that not all was well."""
    if report.ok:
        return
    if report.error:
        raise CommandError(report.error, returncode=1)
    rows = "1 row was" if report.rejected == 1 else f"{report.rejected:,} rows were"
    if report.committed:
        raise CommandError(f"{rows} refused; the others were written.", returncode=1)
    told = "a run would write nothing" if report.dry_run else "nothing was written"
    raise CommandError(f"{rows} refused, so {told}. Mend them, or allow the rest with --skip-errors.", returncode=1)
