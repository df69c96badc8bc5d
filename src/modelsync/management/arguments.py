"""The options that the commands share, and how they become the service's values."""

from __future__ import annotations

import getpass
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelsync.core.errors import ConfigurationError
from modelsync.core.mapping import ColumnMapping
from modelsync.feeds import Feed, make_mapping
from modelsync.formats import FORMATS, Reading
from modelsync.policies import BasicSyncPolicy, load_policy, without_transaction
from modelsync.service import Options

Policy = BasicSyncPolicy | type[BasicSyncPolicy] | str | None

_TRUE = frozenset(("true", "yes", "1"))
_FALSE = frozenset(("false", "no", "0"))


def add_column_arguments(parser: ArgumentParser) -> None:
    """Options for files that do not say it in columns of their own."""
    group = parser.add_argument_group(
        "columns", "for files without the columns action_flags, match_on, external_key"
    )
    group.add_argument(
        "--match-on",
        default="",
        metavar="FIELDS",
        help="the fields that find a row's object, e.g. 'sku' or 'name city'",
    )
    group.add_argument(
        "--actions",
        default="cu",
        metavar="FLAGS",
        help="what each row asks for: of c, u, d and * (default: cu)",
    )
    group.add_argument("--key-column", metavar="COLUMN", help="the column that holds the system's own key")
    group.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=FIELD",
        help="a column's field; may be given again",
    )


def add_reading_arguments(parser: ArgumentParser) -> None:
    """Options for reading files."""
    group = parser.add_argument_group("reading", "found out by itself where not given")
    group.add_argument(
        "--format", choices=list(FORMATS), help="the file's format, if its name does not say it"
    )
    group.add_argument("--encoding", help="the text's encoding, e.g. cp1252")
    group.add_argument("--delimiter", help="what separates cells: one character, or 'tab'")
    group.add_argument("--quotechar", help='what encloses cells (default: ")')
    group.add_argument("--sheet", help="the workbook's sheet: its name, or its number from 1")


def add_run_arguments(parser: ArgumentParser, *, declared: bool = False) -> None:
    """Options for the run; a declared sync has said most of them."""
    group = parser.add_argument_group("preview")
    group.add_argument("--dry-run", action="store_true", help="decide and check everything, write nothing")
    group.add_argument(
        "--diff", type=Path, metavar="FILE", help="write every change, old and new, to this CSV file"
    )
    group.add_argument(
        "--report", choices=["text", "json"], default="text", help="how to report (default: text)"
    )
    group = parser.add_argument_group("refused rows")
    group.add_argument(
        "--rejects",
        type=Path,
        metavar="FILE",
        help="write refused rows here (.csv or .ndjson), with reasons, ready to be mended and fed again; "
        "a folder when there are several files",
    )
    group.add_argument(
        "--skip-errors", action="store_true", help="write the good rows although others are refused"
    )
    group.add_argument("--max-errors", type=int, metavar="N", help="stop at more refused rows than this")
    group = parser.add_argument_group("transactions and deletes")
    group.add_argument(
        "--commit-every",
        type=int,
        metavar="N",
        help="commit after every N rows or so instead of once at the end",
    )
    group.add_argument(
        "--resume", action="store_true", help="go on where a killed run with --commit-every stopped"
    )
    group.add_argument(
        "--max-deletes",
        metavar="N|P%",
        help="the most deletes allowed: a number, or a percentage of the table",
    )
    if declared:
        return
    group.add_argument(
        "--missing",
        choices=["keep", "delete"],
        default="keep",
        help="what to do with this system's objects that a complete file no longer has (default: keep)",
    )
    group.add_argument(
        "--on-conflict",
        choices=["delete", "reject"],
        help="another object has the new match value: delete it (default), or refuse the row",
    )
    group = parser.add_argument_group("how")
    group.add_argument(
        "--using", metavar="DB", help="the database (default: where the router writes the model)"
    )
    group.add_argument(
        "--policy", metavar="PATH", help="the order of the run, e.g. yourapp.policies.DeletesFirst"
    )
    group.add_argument(
        "--validate",
        choices=["none", "types", "full"],
        help="check nothing, types and limits (default), or each instance's full_clean()",
    )
    group.add_argument(
        "--writer",
        choices=["auto", "staged", "objects"],
        help="in sets, through instances, or what fits (default)",
    )
    group.add_argument(
        "--strict", action="store_true", help="make warnings rejections and unknown columns an error"
    )


def add_switches(parser: ArgumentParser, switches: Mapping[str, str]) -> None:
    """django-nsync's switches (name -> help), on by default, each with its `--no-` form.

    There they took a value; `--as_transaction False` and `--as_transaction=False` are understood.
    """
    for name, help_text in switches.items():
        parser.add_argument(
            f"--{name}", dest=name, action="store_true", default=True, help=f"{help_text} (default)"
        )
        parser.add_argument(f"--no-{name}", dest=name, action="store_false", help=f"do not {help_text}")
    parse_plain = parser.parse_args

    def parse_args(args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        words = sys.argv[1:] if args is None else args
        return parse_plain(plain_switches(words, list(switches)), namespace)

    parser.parse_args = parse_args  # type: ignore[method-assign,assignment]  # overloads


def plain_switches(argv: Sequence[str], names: Sequence[str]) -> list[str]:
    """Switches with a value (`--as_transaction True`) as switches without one."""
    result: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if name.startswith("--") and name.removeprefix("--") in names:
            if not equals and rest and rest[0].lower() in _TRUE | _FALSE:
                value = rest.pop(0)
            if equals and value.lower() not in _TRUE | _FALSE:
                result.append(word)  # argparse says what is wrong with it
                continue
            word = f"--no-{name[2:]}" if value.lower() in _FALSE else name
        result.append(word)
    return result


def mapping_from(options: Mapping[str, Any], *, has_system: bool) -> ColumnMapping:
    """The mapping that the options ask for."""
    rename = {}
    for pair in options["map"]:
        column, equals, name = pair.partition("=")
        # A reference is a field, too: --map "Lieferant=supplier=>code".
        if not equals or not column or not name:
            raise ConfigurationError(f"--map takes COLUMN=FIELD, not {pair!r}")
        rename[column] = name
    return make_mapping(
        match_on=options["match_on"],
        actions=options["actions"],
        key_column=options["key_column"],
        rename=rename,
        has_system=has_system,
    )


def reading_from(options: Mapping[str, Any]) -> Reading:
    """What the options say about reading files."""
    return Reading(
        encoding=options["encoding"],
        delimiter=options["delimiter"],
        quotechar=options["quotechar"],
        sheet=options["sheet"],
    )


def options_from(options: Mapping[str, Any], **given: Any) -> Options:
    """The run's options; `given` are those that a command works out by itself."""
    if options["max_errors"] is not None and options["max_errors"] < 0:
        raise ConfigurationError("--max-errors takes a number of rows, 0 or more")
    names = (
        *("dry_run", "max_deletes", "skip_errors", "max_errors", "commit_every", "resume"),
        *("missing", "on_conflict", "validate", "writer", "strict"),
    )
    chosen = {name: options[name] for name in names if name in options}
    return Options.with_defaults(
        **chosen,
        tell_changes=options["diff"] is not None,
        changes=20 if options["dry_run"] else 0,
        started_by=user(),
        **given,
    )


def policy_from(options: Mapping[str, Any], default: type[BasicSyncPolicy] | None) -> Policy:
    """The policy that the options ask for, as a class or path, so that a resumed run finds it the same."""
    policy: Policy = options["policy"] or default
    is_atomic = load_policy(policy).atomic
    if options["as_transaction"] or options["commit_every"] or not is_atomic:
        return policy
    return without_transaction(load_policy(policy))


def output_path(options: Mapping[str, Any], name: str) -> Path | None:
    """Where an output goes; None when it is not wanted. `call_command` gives texts, too."""
    return Path(options[name]) if options[name] else None


def check_diff(options: Mapping[str, Any]) -> Path | None:
    """Where changes go, if they are wanted. Raises ConfigurationError for what can be no file."""
    diff = output_path(options, "diff")
    if diff is not None and not diff.parent.is_dir():
        raise ConfigurationError(f"--diff: there is no folder {diff.parent}")
    if diff is not None and diff.is_dir():
        raise ConfigurationError(f"--diff takes a file, and {diff} is a folder")
    return diff


def check_outputs(options: Mapping[str, Any], feeds: Sequence[Feed]) -> None:
    """Raise ConfigurationError for outputs that cannot be written at the end, or would replace the input."""
    inputs = {Path(feed.name).resolve() for feed in feeds}
    rejects, diff = output_path(options, "rejects"), check_diff(options)
    if rejects is not None and not rejects.parent.is_dir():
        raise ConfigurationError(f"--rejects: there is no folder {rejects.parent}")
    for name, path in (("rejects", rejects), ("diff", diff)):
        if path is not None and path.resolve() in inputs:
            raise ConfigurationError(f"--{name} would overwrite the input {path}; give it another name")
    if rejects is not None and rejects.is_dir() and rejects.resolve() in {each.parent for each in inputs}:
        raise ConfigurationError(f"--rejects: {rejects} is the folder of the input; give another one")
    if diff is not None and rejects is not None and diff.resolve() == rejects.resolve():
        raise ConfigurationError("--diff and --rejects name the same file")


def user() -> str:
    """Who runs this, as far as the system says."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
