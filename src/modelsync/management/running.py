"""Running feeds for a command: progress, files, the report, the exit status."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from modelsync.core.errors import ConfigurationError, ModelSyncError
from modelsync.core.ports import Observer
from modelsync.core.results import Report
from modelsync.feeds import Feed
from modelsync.management.arguments import check_outputs, output_path
from modelsync.management.outputs import DiffWriter, RejectsWriter, place_of
from modelsync.management.rendering import SYNC, Words, counted, progress, render
from modelsync.policies import load_policy
from modelsync.service import Options, run_feeds


@contextmanager
def command_errors() -> Iterator[None]:
    """Our errors as CommandErrors without a traceback: status 2 for wrong use, 1 for the rest."""
    try:
        yield
    except ConfigurationError as error:
        raise CommandError(str(error), returncode=2) from error
    except ModelSyncError as error:
        raise CommandError(str(error), returncode=1) from error
    except DatabaseError as error:
        raise CommandError(_about_database(error), returncode=1) from error


def _about_database(error: DatabaseError) -> str:
    """One line about a database that does not answer, lacks our tables, or failed otherwise."""
    said = " ".join(str(error).split())
    if "modelsync_" in said and ("no such table" in said or "exist" in said):
        return f"the database has no tables of modelsync yet ({said}); run: manage.py migrate modelsync"
    return f"the database failed, and nothing of the open transaction was kept: {said}"


class SyncCommand(BaseCommand):
    """A command whose errors are one line, those of Django's own checks on a dead database too."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Check and handle."""
        # What is tried again is told when it fails for good; without a handler it would be printed.
        logging.getLogger("stamina").addHandler(logging.NullHandler())
        with command_errors():
            return super().execute(*args, **options)


def run_and_tell(
    command: BaseCommand,
    options: Mapping[str, Any],
    feeds: Sequence[Feed],
    chosen: Options,
    *,
    as_json: Callable[[Report], str] | None = None,
) -> Report:
    """Run, show progress, write the files that were asked for, and print the report."""
    check_outputs(options, feeds)
    return tell(
        command,
        options,
        lambda observers: run_feeds(feeds, chosen, observers),
        rejects=_rejects_writer(options, feeds),
        as_json=as_json,
    )


def tell(
    command: BaseCommand,
    options: Mapping[str, Any],
    run: Callable[[Sequence[Observer]], Report],
    *,
    rejects: RejectsWriter | None = None,
    as_json: Callable[[Report], str] | None = None,
    words: Words = SYNC,
) -> Report:
    """Have a run told while it goes on and when it has ended."""
    diff = _diff_writer(options)
    is_text = options["report"] == "text"
    with progress(command.stderr, wanted=is_text and options["verbosity"] > 0, words=words) as observers:
        report = run([*observers, *(each for each in (rejects, diff) if each)])
    _sort(report)
    if not is_text:
        _say(command, as_json(report) if as_json else _indented(report))
    elif options["verbosity"] > 0:
        text = render(
            report,
            width=shutil.get_terminal_size((110, 24)).columns,
            all_rejections=rejects is None,
            stages=options["verbosity"] > 1,
            words=words,
        )
        _say(command, text)
        for line in _about_files(report, rejects, diff, words):
            _say(command, line)
    return report


def settle(report: Report, chosen: Options) -> None:
    """Raise CommandError where the exit status says that not all was well."""
    if report.ok:
        return
    if report.error:
        raise CommandError(report.error, returncode=1)
    rows = "1 row was refused" if report.rejected == 1 else f"{report.rejected:,} rows were refused"
    others_written = chosen.skip_errors or chosen.commit_every or not load_policy(chosen.policy).atomic
    if report.committed:
        told = f"{rows}; the others were written."
    elif report.dry_run and others_written:
        told = f"{rows}; a run would write the others."
    else:
        nothing = "a run would write nothing" if report.dry_run else "nothing was written"
        it = "it" if report.rejected == 1 else "them"
        told = f"{rows}, so {nothing}. Mend {it}, or write the other rows with --skip-errors."
    raise CommandError(told, returncode=1)


def _rejects_writer(options: Mapping[str, Any], feeds: Sequence[Feed]) -> RejectsWriter | None:
    path = output_path(options, "rejects")
    if path is None:
        return None
    routes = [(feed.system, feed.model._meta.label) for feed in feeds]
    return RejectsWriter(path, several=len(set(routes)) > 1, routes=routes)


def _diff_writer(options: Mapping[str, Any]) -> DiffWriter | None:
    path = output_path(options, "diff")
    return None if path is None else DiffWriter(path)


def _say(command: BaseCommand, text: str) -> None:
    """Write to stdout, which may be a pipe whose reader has seen enough (`| head`)."""
    try:
        command.stdout.write(text)
        command.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _indented(report: Report) -> str:
    return json.dumps(report.as_dict(), indent=2, ensure_ascii=False)


def _sort(report: Report) -> None:
    """Rejections as they stand in the input; those of the end of a pass came last."""
    first: dict[str, int] = {}
    for each in report.rejections:
        source = each.origin.source if each.origin else ""
        first[source] = min(first.get(source, each.number), each.number)
    report.rejections.sort(
        key=lambda each: (first[each.origin.source if each.origin else ""], place_of(each))
    )


def _about_files(
    report: Report, rejects: RejectsWriter | None, diff: DiffWriter | None, words: Words
) -> Iterator[str]:
    what = "mend them and feed that file" if report.committed else "its last columns say why"
    for path in rejects.written if rejects else ():
        yield f"The refused rows are in {path}: {what}."
    if diff:
        would = f" that a {words.run} would make" if report.dry_run else " that would have been made"
        made = "" if report.committed else would
        yield f"{counted(diff.changes, 'change')}{made}: see {diff.path}."
