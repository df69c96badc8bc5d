"""Histories: a database's first state and the inputs that follow; how they are played and compared."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection, models, transaction

import modelsync
from modelsync.core.ports import Extent
from modelsync.core.records import OMITTED, Action, Batch, Cursor, Origin
from modelsync.core.results import Report
from modelsync.models import ExternalKeyMapping, ExternalSystem
from modelsync.policies import BasicSyncPolicy, OrderedSyncPolicy
from tests import oracle

#: Histories give primary keys up to this one; the database's own start above it.
LAST_GIVEN = 1000
MISSING = "(missing)"
UUIDS = tuple(str(uuid.UUID(int=n)) for n in range(1, 5))


class DeletesFirst(BasicSyncPolicy):
    """Two passes: deletes, then the rest."""

    passes = (Action.DELETE, Action.CREATE | Action.UPDATE)


POLICIES: dict[str, tuple[type[BasicSyncPolicy], tuple[Action, ...]]] = {
    "basic": (BasicSyncPolicy, (oracle.EVERYTHING,)),
    "ordered": (OrderedSyncPolicy, oracle.ORDERED),
    "deletes first": (DeletesFirst, (Action.DELETE, Action.CREATE | Action.UPDATE)),
}


@dataclass(frozen=True)
class Scenario:
    """A model to sync into, and what its histories are made of.

    `tables` are the models whose rows are compared, with the values that their first objects have;
    a foreign key's value is a given primary key. `core` columns are in every input, `extra` ones in
    some; each has its good cells and its bad ones.
    """

    model: type[models.Model]
    tables: Mapping[type[models.Model], Mapping[str, tuple[Any, ...]]]
    core: Mapping[str, Cells]
    extra: Mapping[str, Cells]
    matches: tuple[str, ...]
    pks: Mapping[type[models.Model], tuple[Any, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.model.__name__

    def given_pks(self, model: type[models.Model]) -> tuple[Any, ...]:
        """The primary keys that its first objects have."""
        return self.pks.get(model, (1, 2, 3))


@dataclass(frozen=True)
class Cells:
    """What a column may hold: cells that are right, and cells that get a row rejected."""

    good: tuple[Any, ...]
    bad: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Feed:
    """One input: its rows and how it is to be synced."""

    rows: list[dict[str, Any]]
    system: str | None = None
    match_on: str = ""
    actions: str = "cu"
    policy: str = "basic"
    on_conflict: str = "delete"
    skip_errors: bool = True
    batch_rows: int = 1000

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns; a row may leave some of them out."""
        return tuple({name: None for row in self.rows for name in row})


@dataclass(frozen=True)
class History:
    """Objects (model, primary key, values), keys (system, key, primary key) and the inputs."""

    objects: list[tuple[type[models.Model], Any, dict[str, Any]]]
    keys: list[tuple[str, str, Any]]
    feeds: list[Feed]

    def __repr__(self) -> str:
        """As a test may have it."""
        made = "".join(f"({model.__name__}, {pk!r}, {values!r}), " for model, pk, values in self.objects)
        return f"History(objects=[{made.rstrip(', ')}], keys={self.keys!r}, feeds={self.feeds!r})"


@dataclass(frozen=True)
class Rows:
    """A source of rows in batches of a given size."""

    feed: Feed
    label: str
    extent: Extent = Extent.SNAPSHOT

    def read(self, after: Cursor | None = None) -> Iterator[Batch]:
        rows, size, columns = self.feed.rows, self.feed.batch_rows, self.feed.columns
        for start in range(0, len(rows), size):
            yield Batch(
                columns=columns,
                rows=[[row.get(name, OMITTED) for name in columns] for row in rows[start : start + size]],
                start=start,
                places=lambda index, start=start: Origin("rows", start + index, "row"),
                after={"row": start + size},
                model=self.label,
                system=self.feed.system,
            )


@dataclass(frozen=True)
class Result:
    """What an input came to: outcomes counted, the rejected rows, and the database afterwards."""

    counts: Mapping[str, int]
    rejected: frozenset[int]
    database: Mapping[str, list[str]]


# --- playing ---------------------------------------------------------------------------------------


def mistakes(scenario: Scenario, history: History, writer: str) -> str:
    """What the engine does otherwise than the oracle, a line each; empty when they agree."""
    with undone():
        build(scenario, history)
        expected = [by_oracle(scenario, feed) for feed in history.feeds]
    with undone():
        build(scenario, history)
        for feed, wanted in zip(history.feeds, expected, strict=True):
            report = run_engine(scenario, feed, writer)
            got = result_of(scenario, report)
            if wrong := difference(got, wanted) or dangling(got):
                return f"{report.writers}\n{wrong}"
    return ""


@contextmanager
def undone() -> Iterator[None]:
    """A transaction of which nothing remains."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def build(scenario: Scenario, history: History) -> None:
    """Make the first objects and keys; those that the database refuses are left out."""
    for model, pk, values in history.objects:
        obj = model(pk=pk)
        required, optional = {}, {}
        for name, value in values.items():
            of = model._meta.get_field(name)
            (optional if of.many_to_many or (of.is_relation and of.null) else required)[of] = value
        if all(_is_there(of, value) for of, value in required.items()):
            for of, value in required.items():
                setattr(obj, of.attname, of.to_python(value))
            _try(lambda obj=obj: obj.save(force_insert=True))
    for model, pk, values in history.objects:
        for name, value in values.items():
            of = model._meta.get_field(name)
            found = model._default_manager.filter(pk=pk)
            if of.many_to_many and found:
                found.get().tags.set(of.related_model.objects.filter(pk__in=value))
            elif of.is_relation and of.null and value is not None and _is_there(of, value):
                _try(lambda found=found, of=of, value=value: found.update(**{of.attname: value}))
    kind = ContentType.objects.get_for_model(scenario.model)
    for system, key, pk in history.keys:
        known, _ = ExternalSystem.objects.get_or_create(name=system)
        ExternalKeyMapping.objects.get_or_create(
            content_type=kind, external_system=known, external_key=key, defaults={"object_id": str(pk)}
        )


def _is_there(of: Any, value: Any) -> bool:
    return not of.is_relation or of.related_model._default_manager.filter(pk=value).exists()


def _try(write: Any) -> None:
    try:
        with transaction.atomic():
            write()
    except DatabaseError:
        pass


def by_oracle(scenario: Scenario, feed: Feed) -> Result:
    """Sync an input row by row."""
    outcomes = oracle.sync(
        feed.rows,
        scenario.model,
        system=feed.system,
        match_on=feed.match_on,
        actions=feed.actions,
        on_conflict=feed.on_conflict,
        passes=POLICIES[feed.policy][1],
        skip_errors=feed.skip_errors,
    )
    rejected = frozenset(number for number, outcome in enumerate(outcomes) if outcome == "rejected")
    return Result(Counter(outcomes), rejected, snapshot(scenario))


def run_engine(scenario: Scenario, feed: Feed, writer: str, **options: Any) -> Report:
    """Sync an input with the engine."""
    return modelsync.sync(
        Rows(feed, scenario.model._meta.label),
        scenario.model,
        system=feed.system,
        match_on=feed.match_on,
        actions=feed.actions,
        on_conflict=feed.on_conflict,
        policy=POLICIES[feed.policy][0],
        skip_errors=feed.skip_errors,
        writer=writer,
        **options,
    )


def result_of(scenario: Scenario, report: Report) -> Result:
    """A report and the database as they are compared."""
    counts = Counter({outcome.label: count for outcome, count in report.counts.items() if count})
    return Result(counts, frozenset(each.number for each in report.rejections), snapshot(scenario))


# --- comparing -------------------------------------------------------------------------------------


def snapshot(scenario: Scenario) -> dict[str, list[str]]:
    """All rows and keys, described without what a sequence gave them."""
    tables = {model: {obj.pk: obj for obj in model._default_manager.all()} for model in scenario.tables}
    described = {
        model.__name__: sorted(_describe(tables, obj) + _relations(tables, obj) for obj in rows.values())
        for model, rows in tables.items()
    }
    kind = ContentType.objects.get_for_model(scenario.model)
    by_text = {str(pk): obj for pk, obj in tables[scenario.model].items()}

    def named(object_id: str) -> str:
        found = by_text.get(object_id)
        if found is None and isinstance(scenario.model._meta.pk, models.CharField):
            # Letters of another case are the same to some databases.
            found = scenario.model._default_manager.filter(pk=object_id).first()
        return _describe(tables, found) if found else _gone(object_id)

    described["keys"] = sorted(
        f"{each.external_system.name}:{each.external_key} -> " + named(each.object_id)
        for each in ExternalKeyMapping.objects.filter(content_type=kind).select_related("external_system")
    )
    return described


def difference(got: Result, wanted: Result) -> str:
    """What is in one result only, a line each; empty when they are equal."""
    lines = []
    if (got.counts, got.rejected) != (wanted.counts, wanted.rejected):
        lines.append(f"outcomes: got {dict(got.counts)}, rejected {sorted(got.rejected)}")
        lines.append(f"       wanted {dict(wanted.counts)}, rejected {sorted(wanted.rejected)}")
    for name, rows in wanted.database.items():
        left, right = Counter(got.database[name]), Counter(rows)
        lines += [f"{name}: got {each}" for each in (left - right).elements()]
        lines += [f"{name}: wanted {each}" for each in (right - left).elements()]
    return "\n".join(lines)


def dangling(result: Result) -> str:
    """The rows and keys that refer to what is not there, a line each."""
    return "\n".join(
        f"{name}: {each}" for name, rows in result.database.items() for each in rows if MISSING in each
    )


def _describe(tables: Mapping[Any, Mapping[Any, Any]], obj: Any, depth: int = 3) -> str:
    said = []
    for of in obj._meta.concrete_fields:
        value = getattr(obj, of.attname)
        if of.primary_key and not _is_given(value):
            said.append(f"{of.name}=(new)")
        elif of.is_relation and value is not None and not depth:
            said.append(f"{of.name}=...")
        elif of.is_relation and value is not None:
            related = tables[of.related_model].get(value)
            said.append(f"{of.name}={_describe(tables, related, depth - 1) if related else MISSING}")
        else:
            said.append(f"{of.name}={value!r}")
    return f"{type(obj).__name__}({', '.join(said)})"


def _relations(tables: Mapping[Any, Mapping[Any, Any]], obj: Any) -> str:
    return "".join(
        f" {of.name}={sorted(_describe(tables, each) for each in getattr(obj, of.name).all())}"
        for of in obj._meta.many_to_many
    )


def _is_given(pk: Any) -> bool:
    return pk <= LAST_GIVEN if isinstance(pk, int) else not isinstance(pk, uuid.UUID) or str(pk) in UUIDS


def _gone(object_id: str) -> str:
    return f"gone {object_id if len(object_id) < 4 or object_id in UUIDS else '(new)'}"


def start_sequences(scenario: Scenario) -> None:
    """Have the database number new objects from above LAST_GIVEN. Not to be called in a transaction."""
    for model in scenario.tables:
        pk, table = model._meta.pk, connection.ops.quote_name(model._meta.db_table)
        if not isinstance(pk, models.AutoField):
            continue
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {LAST_GIVEN})")
            elif connection.vendor == "mysql":
                cursor.execute(f"ALTER TABLE {table} AUTO_INCREMENT = {LAST_GIVEN + 1}")
            else:
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [model._meta.db_table])
                cursor.execute(
                    "INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)",
                    [model._meta.db_table, LAST_GIVEN],
                )
