"""manage.py pull PATH."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from modelsync.client import Client, FileOptions
from modelsync.core.errors import ConfigurationError
from modelsync.core.ports import Observer
from modelsync.core.results import Report
from modelsync.management import arguments
from modelsync.management.rendering import PULL
from modelsync.management.running import SyncCommand, command_errors, tell
from modelsync.media import FilesReport
from modelsync.pulling import PullOptions


class Command(SyncCommand):
    """Pulls what another site serves."""

    help = (
        "Pull what another Django site serves by a Route: all of it, or nothing. "
        "Exit status: 0 all well, 1 the other site failed, objects were refused or a limit stopped the pull, "
        "2 wrong use."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("path", metavar="PATH", help="the path of the route, e.g. blogs")
        group = parser.add_argument_group("the other site")
        group.add_argument("--url", help="its address (default: settings.SYNCTOOL_CLIENT_ENDPOINT)")
        group.add_argument(
            "--token-file",
            type=Path,
            metavar="FILE",
            help="a file that holds the token (default: settings.SYNCTOOL_CLIENT_TOKEN)",
        )
        group.add_argument(
            "--timeout", type=float, default=60.0, metavar="SECONDS", help="how long it may be silent"
        )
        group.add_argument("--ca", metavar="FILE", help="the certificates to trust")
        group = parser.add_argument_group("what becomes of the tables")
        group.add_argument(
            "--clean",
            action="store_true",
            help="make them hold exactly what is served: what is not there any more goes",
        )
        group.add_argument(
            "--allow-empty",
            action="store_true",
            help="with --clean, let an answer without objects empty the tables",
        )
        group.add_argument(
            "--no-reset",
            action="store_false",
            dest="reset",
            help="leave the sequences of primary keys where they are",
        )
        group.add_argument(
            "--model",
            action="append",
            dest="models",
            metavar="APP.MODEL",
            help="a model that may come, and no others; may be given again",
        )
        group.add_argument("--ignore-models", action="store_true", help="leave out models that are not here")
        group.add_argument("--using", default="default", metavar="DB", help="the database")
        group = parser.add_argument_group("files", "downloaded when the objects are in")
        group.add_argument("--images", action="store_true", help="download the files that the objects name")
        group.add_argument("--media-url", metavar="URL", help="the address that their names begin with")
        group.add_argument(
            "--verify", action="store_true", help="compare those that are here by size and hash, too"
        )
        group.add_argument(
            "--strict-files", action="store_true", help="exit with 1 when a file is lacking at the end"
        )
        group = parser.add_argument_group("preview")
        group.add_argument(
            "--dry-run", action="store_true", help="compare and check everything, write nothing"
        )
        group.add_argument(
            "--diff", type=Path, metavar="FILE", help="write every change, old and new, to this CSV file"
        )
        group.add_argument(
            "--report", choices=["text", "json"], default="text", help="how to report (default: text)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        with command_errors():
            arguments.check_diff(options)
            _check_files(options)
            client = Client(
                api_token=_token(options["token_file"]),
                api_url=options["url"],
                media_url=options["media_url"],
                timeout=options["timeout"],
                ca=options["ca"],
            )
            chosen = PullOptions(
                using=options["using"],
                clean=options["clean"],
                allow_empty=options["allow_empty"],
                reset=options["reset"],
                dry_run=options["dry_run"],
                models=options["models"],
                ignore_models=options["ignore_models"],
                changes=20 if options["dry_run"] else 0,
                tell_changes=options["diff"] is not None,
                started_by=arguments.user(),
            )
            files = FileOptions(verify=options["verify"]) if options["images"] else None
            fetched: list[FilesReport] = []

            def run(observers: Sequence[Observer]) -> Report:
                pulled = client.pull(options["path"], chosen, observers, files=files)
                fetched.extend([pulled.files] if pulled.files else [])
                return pulled.report

            report = tell(self, options, run, words=PULL)
        _settle(report)
        if options["strict_files"] and not all(each.is_complete for each in fetched):
            raise CommandError("the objects are in, but files are lacking; the warnings say which")


def _token(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        token = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(f"the token file cannot be read: {error}") from error
    if not token:
        raise ConfigurationError(f"the token file {path} is empty")
    return token


def _check_files(options: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for options about files where none are wanted."""
    for name in ("verify", "strict_files", "media_url"):
        if options[name] and not options["images"]:
            raise ConfigurationError(f"--{name.replace('_', '-')} is about files; say --images, too")


def _settle(report: Report) -> None:
    """Raise CommandError where the exit status says that not all was well."""
    if report.ok:
        return
    if report.error:
        raise CommandError(report.error, returncode=1)
    objects = "1 object was refused" if report.rejected == 1 else f"{report.rejected:,} objects were refused"
    would = "a pull would write nothing" if report.dry_run else "nothing was written"
    raise CommandError(f"{objects}, so {would}.", returncode=1)
