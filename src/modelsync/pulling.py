"""Pulling: making tables hold what another Django serves. Client and command call it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from django.db import connections

from modelsync.core.errors import ConfigurationError
from modelsync.core.guard import Guard
from modelsync.core.mapping import WholeBatch
from modelsync.core.options import RunOptions
from modelsync.core.ports import Observer, Source
from modelsync.core.results import Notice, Report
from modelsync.engine import run
from modelsync.journal import DatabaseJournal
from modelsync.targets.django.mirror.target import MirrorOptions, MirrorTarget


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """How a pull goes about it; `modelsync.client.Client.sync` explains each."""

    using: str = "default"
    clean: bool = False
    allow_empty: bool = False
    reset: bool = True
    dry_run: bool = False
    models: Sequence[str] | None = None
    ignore_models: bool = False
    changes: int = 0
    tell_changes: bool = False
    started_by: str = ""


def pull(source: Source, options: PullOptions, observers: Sequence[Observer] = ()) -> Report:
    """Bring what a remote source holds into the tables of the same models, all of it or nothing.

    Raises ConfigurationError for models that may not come, SourceError when the source fails; nothing
    is written then. A report with rejections says that nothing was written, and why.
    """
    if options.using not in connections:
        raise ConfigurationError(
            f"there is no database {options.using!r}; settings.DATABASES has {', '.join(connections)}"
        )
    notes: list[Notice] = []
    target = MirrorTarget(
        MirrorOptions(
            using=options.using,
            clean=options.clean,
            allow_empty=options.allow_empty,
            reset=options.reset,
            dry_run=options.dry_run,
            models=None if options.models is None else frozenset(label.lower() for label in options.models),
            ignore_models=options.ignore_models,
            changes_wanted=2**31 if options.tell_changes else options.changes,
            header=lambda: getattr(source, "header", None),
        ),
        lambda column, text: notes.append(Notice(number=None, reason=text, column=column)),
    )
    name = str(getattr(source, "name", "remote"))
    grouping = WholeBatch()
    report = run(
        source,
        target,
        DatabaseJournal(
            using=options.using,
            name=name,
            fingerprint=_fingerprint(name, options),
            options=_plain(options),
            started_by=options.started_by,
        ),
        mapping=lambda batch: grouping,
        options=RunOptions(
            name=name,
            dry_run=options.dry_run,
            guard=Guard(),
            keep_changes=options.changes,
        ),
        observers=observers,
    )
    report.warnings[:0] = notes
    report.notes += getattr(source, "notes", ())
    return report


def _plain(options: PullOptions) -> dict[str, object]:
    kept = asdict(options)
    kept["models"] = None if options.models is None else list(options.models)
    return kept


def _fingerprint(name: str, options: PullOptions) -> str:
    return hashlib.sha256(json.dumps([name, _plain(options)], sort_keys=True).encode()).hexdigest()
