"""What commands, admin, tasks and Python callers all call: run sources into models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from typing import Any

from django.db import connections

from modelsync import conf
from modelsync.core.errors import ConfigurationError
from modelsync.core.guard import Guard
from modelsync.core.mapping import ColumnMapping
from modelsync.core.options import RunOptions
from modelsync.core.planning import Conflict
from modelsync.core.ports import Extent, Observer, Source
from modelsync.core.records import Batch
from modelsync.core.results import Notice, Report
from modelsync.engine import run
from modelsync.feeds import Feed, Model, feeds_of, find_model, make_mapping, write_database
from modelsync.journal import DatabaseJournal
from modelsync.policies import BasicSyncPolicy, load_policy
from modelsync.sources import ChainSource
from modelsync.sources.batches import DEFAULT_ROWS
from modelsync.targets.django.binding import compile_shape
from modelsync.targets.django.schema import Schema
from modelsync.targets.django.target import DjangoTarget, TargetOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run goes about it; `modelsync.sync` explains each."""

    using: str = "default"
    dry_run: bool = False
    policy: BasicSyncPolicy | type[BasicSyncPolicy] | str | None = None
    validate: str = "types"
    writer: str = "auto"
    on_conflict: str = "delete"
    missing: str = "keep"
    max_deletes: int | str | None = None
    skip_errors: bool = False
    max_errors: int | None = None
    commit_every: int | None = None
    resume: bool = False
    strict: bool = False
    create_systems: bool = True
    changes: int = 0
    tell_changes: bool = False
    started_by: str = ""
    batch_rows: int = DEFAULT_ROWS

    @classmethod
    def with_defaults(cls, **given: Any) -> Options:
        """Options in which None means what settings.MODELSYNC says, or the built-in default."""
        settings = conf.current()
        for name in ("validate", "writer", "on_conflict", "max_deletes"):
            if given.get(name) is None:
                given[name] = getattr(settings, name)
        commit_every = given.get("commit_every")
        rows = settings.batch_size if commit_every is None else min(commit_every, settings.batch_size)
        return cls(**{"batch_rows": max(rows, 1), **given})

    def check(self) -> None:
        """Raise ConfigurationError for values that do not fit together."""
        for name, known in (
            ("validate", ("none", "types", "full")),
            ("writer", ("auto", "staged", "objects")),
            ("on_conflict", ("delete", "reject")),
            ("missing", ("keep", "delete")),
        ):
            if getattr(self, name) not in known:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)!r}; it must be one of {', '.join(known)}"
                )
        if self.using not in connections:
            known_names = ", ".join(connections)
            raise ConfigurationError(
                f"there is no database {self.using!r}; settings.DATABASES has {known_names}"
            )
        if self.commit_every is not None and self.commit_every < 1:
            raise ConfigurationError("commit_every takes a number of rows, 1 or more")
        if self.resume and not self.commit_every:
            raise ConfigurationError(
                "resume needs commit_every: a run in one transaction has no resume points"
            )


def sync(
    source: Source | Iterable[Mapping[str, object]] | str | PathLike[str],
    model: Model | str,
    *,
    system: str | None = None,
    match_on: Sequence[str] | str = (),
    actions: str = "cu",
    key_column: str | None = None,
    map: Mapping[str, str] | None = None,  # noqa: A002  # the word of the command line, too
    using: str | None = None,
    dry_run: bool = False,
    policy: BasicSyncPolicy | type[BasicSyncPolicy] | str | None = None,
    validate: str | None = None,
    writer: str | None = None,
    on_conflict: str | None = None,
    missing: str = "keep",
    max_deletes: int | str | None = None,
    skip_errors: bool = False,
    max_errors: int | None = None,
    commit_every: int | None = None,
    resume: bool = False,
    strict: bool = False,
    changes: int | None = None,
    observers: Sequence[Observer] = (),
) -> Report:
    """Bring records into a model and return the report.

    Args:
        source: a path or address of a file, an iterable of mappings (column -> value), anything with
            `__arrow_c_stream__`, or a Source.
        model: the model, or its label `app.Model`.
        system: the external system's name; with it, external keys are kept.
        match_on: field names that find a row's object (ANDed), for rows that do not say it themselves.
        actions: action flags for rows that do not say it themselves: of c, u, d and *.
        key_column: the column that holds the external key, if it is not `external_key`.
        map: source column -> model field.
        using: the database alias; default: where the router writes the model.
        dry_run: decide and check everything, write nothing, call no user code.
        policy: the order of the run; an instance, a class or a dotted path.
        validate: `none`, `types` (types and limits) or `full` (`full_clean()` on instances).
        writer: `auto`, `staged` or `objects`.
        on_conflict: `delete` or `reject` another object that has the new match value.
        missing: `keep` or `delete` this system's objects that a complete source no longer has.
        max_deletes: the most deletes allowed: rows, or a percentage such as "25%".
        skip_errors: write the good rows although others are refused.
        max_errors: stop at more rejections than that.
        commit_every: commit after so many rows, with a resume point, instead of once.
        resume: go on where the last run of the same source and options stopped.
        strict: refuse unknown columns, and make warnings rejections.
        changes: how many sample changes the report lists; default 20 in a dry run.
        observers: called with each event of the run.

    Raises:
        ConfigurationError: before anything is read.
        SourceError: the source failed; nothing of the open transaction was kept.
    """
    target = find_model(model) if isinstance(model, str) else model
    options = Options.with_defaults(
        using=using or write_database(target),
        dry_run=dry_run,
        policy=policy,
        validate=validate,
        writer=writer,
        on_conflict=on_conflict,
        missing=missing,
        max_deletes=max_deletes,
        skip_errors=skip_errors,
        max_errors=max_errors,
        commit_every=commit_every,
        resume=resume,
        strict=strict,
        changes=changes if changes is not None else (20 if dry_run else 0),
    )
    mapping = make_mapping(
        match_on=match_on, actions=actions, key_column=key_column, rename=map, has_system=system is not None
    )
    feeds = feeds_of(source, target, system=system, mapping=mapping, batch_rows=options.batch_rows)
    return run_feeds(feeds, options, observers)


def run_feeds(feeds: Sequence[Feed], options: Options, observers: Sequence[Observer] = ()) -> Report:
    """Run several feeds as one: one policy, one transaction, one report."""
    options.check()
    policy = load_policy(options.policy)
    notes: list[Notice] = []
    guard = Guard.parse(options.max_deletes)
    _check_feeds(feeds, options)
    target = DjangoTarget(
        {(feed.model._meta.label, feed.system): feed.model for feed in feeds},
        TargetOptions(
            using=options.using,
            conflict=Conflict(options.on_conflict),
            validate=options.validate,
            writer=options.writer,
            dry_run=options.dry_run,
            strict=options.strict,
            create_systems=options.create_systems,
            delete_missing=options.missing == "delete",
            guard=guard,
            changes_wanted=2**62 if options.tell_changes else options.changes,
            key_columns=frozenset(
                feed.mapping.key_column
                for feed in feeds
                if feed.mapping.key_column not in feed.mapping.rename
            ),
        ),
        lambda column, text: notes.append(Notice(number=None, reason=text, column=column)),
    )
    mappings: dict[tuple[str | None, str | None], ColumnMapping] = {
        (feed.model._meta.label, feed.system): feed.mapping for feed in feeds
    }
    commit_every = options.commit_every or (None if policy.atomic else 1)

    def mapping_for(batch: Batch) -> ColumnMapping:
        mapping = mappings[batch.model, batch.system]
        if batch.rows:
            mapping.check(batch.columns)
        return mapping

    report = run(
        feeds[0].source if len(feeds) == 1 else ChainSource([feed.source for feed in feeds]),
        target,
        DatabaseJournal(
            using=options.using,
            name=", ".join(feed.name for feed in feeds),
            fingerprint=_fingerprint(feeds, options),
            options=_plain_options(options),
            started_by=options.started_by,
        ),
        mapping=mapping_for,
        options=RunOptions(
            name=", ".join(feed.name for feed in feeds),
            passes=policy.steps(),
            dry_run=options.dry_run,
            skip_errors=options.skip_errors,
            max_errors=options.max_errors,
            commit_every=commit_every,
            resume=options.resume,
            guard=guard,
            delete_missing=options.missing == "delete",
            strict=options.strict,
            keep_changes=options.changes,
        ),
        observers=observers,
    )
    report.warnings[:0] = notes
    report.notes += [note for feed in feeds for note in getattr(feed.source, "notes", ())]
    report.writers.update(target.writers)
    return report


def _check_feeds(feeds: Sequence[Feed], options: Options) -> None:
    if options.missing == "delete":
        for feed in feeds:
            if feed.system is None:
                raise ConfigurationError(
                    "missing='delete' needs a system: only its own objects may be deleted"
                )
            if feed.source.extent is not Extent.SNAPSHOT:
                raise ConfigurationError(
                    f"{feed.name} holds only changes; missing='delete' needs a complete source"
                )
    for feed in feeds:
        columns = getattr(feed.source, "columns", None)
        header = columns() if columns else None
        if header:
            feed.mapping.check(header)
            if options.strict:
                _check_columns(feed, header, options)


def _check_columns(feed: Feed, header: Sequence[str], options: Options) -> None:
    """Raise ConfigurationError for columns that the model does not know, before a row is read."""
    mapping = feed.mapping
    names = mapping.data_columns(header)
    shape = compile_shape(
        Schema(feed.model), names, mapping.match_on, connections[options.using], is_text=True, check=False
    )
    unknown = [f"column {name!r}: {why}" for name, why in shape.unknown if name != mapping.key_column]
    if unknown:
        raise ConfigurationError(f"{feed.name}: {'; '.join(unknown)}")


def _plain_options(options: Options) -> dict[str, object]:
    kept = asdict(options) if not isinstance(options.policy, BasicSyncPolicy) else {}
    kept = kept or {name: getattr(options, name) for name in options.__slots__}
    kept["policy"] = repr(load_policy(options.policy))
    return kept


#: What a resumed run may have other than the run that it resumes.
_NO_PART_OF_RESUMING = frozenset(
    ("resume", "started_by", "changes", "tell_changes", "max_errors", "max_deletes", "dry_run")
)


def _fingerprint(feeds: Sequence[Feed], options: Options) -> str:
    said = [[feed.name, feed.model._meta.label, feed.system, repr(feed.mapping)] for feed in feeds]
    chosen = {k: v for k, v in _plain_options(options).items() if k not in _NO_PART_OF_RESUMING}
    return hashlib.sha256(json.dumps([said, chosen], default=str, sort_keys=True).encode()).hexdigest()
