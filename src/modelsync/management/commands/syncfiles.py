"""manage.py syncfiles FILE..."""

from __future__ import annotations

import re
from argparse import ArgumentParser
from pathlib import PurePath
from typing import Any

from modelsync.core.errors import ConfigurationError
from modelsync.core.mapping import ColumnMapping
from modelsync.feeds import Feed, feeds_of, find_model, write_database
from modelsync.management import arguments
from modelsync.management.running import SyncCommand, command_errors, run_and_tell, settle
from modelsync.policies import OrderedSyncPolicy
from modelsync.sources import find_files

DEFAULT_REGEX = (
    r"(?P<external_system>[a-zA-Z0-9]+)_(?P<app_name>[a-zA-Z0-9]+)_(?P<model_name>[a-zA-Z0-9]+).*"
    r"\.(csv|txt|tsv|tab|json|ndjson|jsonl|xlsx|xlsm|xlsb|xls|ods|parquet|pq|arrow|feather|ipc)"
)
_SWITCHES = {
    "create_external_system": "create systems that are not there",
    "smart_ordering": "do all creates, then all updates, then all deletes, over all files",
    "as_transaction": "run in one transaction",
}
_GROUPS = ("external_system", "app_name", "model_name")


class Command(SyncCommand):
    """Brings several files into the models that their names say, as one run."""

    help = (
        "Bring files into the models that their names say (System_app_Model*.csv), as one run. "
        "Folders, patterns and addresses stand for their files. "
        "Exit status: 0 all well, 1 rows were refused or a limit stopped the run, 2 wrong use."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("files", nargs="+", metavar="FILE", help="files, folders or patterns")
        parser.add_argument(
            "--file_name_regex",
            default=DEFAULT_REGEX,
            metavar="REGEX",
            help="says with its groups external_system, app_name and model_name what a file's name means "
            "(default: System_app_Model*.csv and the other formats)",
        )
        arguments.add_switches(parser, _SWITCHES)
        arguments.add_column_arguments(parser)
        arguments.add_reading_arguments(parser)
        arguments.add_run_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        with command_errors():
            pattern = _pattern(options["file_name_regex"])
            targets = [(path, *_target(pattern, path)) for path in find_files(options["files"])]
            models = [find_model(label) for _, _, label in targets]
            ordered = OrderedSyncPolicy if options["smart_ordering"] else None
            chosen = arguments.options_from(
                options,
                using=options["using"] or write_database(models[0]),
                policy=arguments.policy_from(options, default=ordered),
                create_systems=options["create_external_system"],
            )
            mapping = arguments.mapping_from(options, has_system=True)
            feeds = [
                feed
                for (path, system, _), model in zip(targets, models, strict=True)
                for feed in self._feeds(path, model, system, mapping, options, chosen.batch_rows)
            ]
            report = run_and_tell(self, options, feeds, chosen)
        settle(report, chosen)

    def _feeds(
        self, path: str, model: Any, system: str, mapping: ColumnMapping, options: dict[str, Any], rows: int
    ) -> list[Feed]:
        return feeds_of(
            path,
            model,
            system=system,
            mapping=mapping,
            batch_rows=rows,
            format=options["format"],
            reading=arguments.reading_from(options),
        )


def _pattern(text: str) -> re.Pattern[str]:
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise ConfigurationError(f"--file_name_regex is no regular expression: {error}") from error
    missing = [group for group in _GROUPS if group not in pattern.groupindex]
    if missing:
        raise ConfigurationError(f"--file_name_regex needs the group (?P<{missing[0]}>...)")
    return pattern


def _target(pattern: re.Pattern[str], path: str) -> tuple[str, str]:
    """The system and the model's label that a file's name says."""
    found = pattern.match(PurePath(path.partition("?")[0]).name)
    if found is None:
        raise ConfigurationError(
            f"the name of {path} does not say its system, app and model, as in ERP_shop_Product.csv; "
            f"rename it, give --file_name_regex, or use syncfile"
        )
    return found["external_system"], f"{found['app_name']}.{found['model_name']}"
