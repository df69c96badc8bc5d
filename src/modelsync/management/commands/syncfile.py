"""manage.py syncfile SYSTEM APP MODEL FILE."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from modelsync.feeds import feeds_of, find_model, write_database
from modelsync.management import arguments
from modelsync.management.running import SyncCommand, command_errors, run_and_tell, settle

_SWITCHES = {
    "create_external_system": "create the system if it is not there",
    "as_transaction": "run in one transaction",
}


class Command(SyncCommand):
    """Brings one file into one model."""

    help = (
        "Bring a file into a model: CSV, TSV, JSON, NDJSON, Excel, Parquet, Arrow, also .gz, .zst and .zip. "
        "The file is a path, a pattern, a folder, an address (s3://, https://, sftp://), or - for stdin. "
        "Exit status: 0 all well, 1 rows were refused or a limit stopped the run, 2 wrong use."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "ext_system_name", metavar="SYSTEM", help="the external system that the file comes from"
        )
        parser.add_argument("app_label", metavar="APP", help="the app of the model")
        parser.add_argument("model_name", metavar="MODEL", help="the model")
        parser.add_argument("file_name", metavar="FILE", help="the file")
        arguments.add_switches(parser, _SWITCHES)
        arguments.add_column_arguments(parser)
        arguments.add_reading_arguments(parser)
        arguments.add_run_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        with command_errors():
            model = find_model(f"{options['app_label']}.{options['model_name']}")
            chosen = arguments.options_from(
                options,
                using=options["using"] or write_database(model),
                policy=arguments.policy_from(options, default=None),
                create_systems=options["create_external_system"],
            )
            feeds = feeds_of(
                options["file_name"],
                model,
                system=options["ext_system_name"],
                mapping=arguments.mapping_from(options, has_system=True),
                batch_rows=chosen.batch_rows,
                format=options["format"],
                reading=arguments.reading_from(options),
            )
            report = run_and_tell(self, options, feeds, chosen)
        settle(report, chosen)
