"""One model's part of a stream: which of its columns are which fields, and where its rows are staged."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from modelsync.core.errors import ConfigurationError
from modelsync.core.records import Origin, Places
from modelsync.targets.django.converters import Converter, compile_converter
from modelsync.targets.django.mirror.tracing import Lookup
from modelsync.targets.django.schema import Field, ForeignKey

PK = "pk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the stream that is a field: its place in the stream's rows, and its column on the stage."""

    index: int
    field: Field
    converter: Converter
    staged: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Many:
    """A many-to-many relation of the stream; `stage` holds a row for each pair that it
    names: its number `n`, the record's number `r`, and both keys.
    """

    index: int
    name: str
    through: type[models.Model]
    source: ForeignKey
    target: ForeignKey
    converter: Converter
    stage: str


@dataclass(slots=True, kw_only=True)
class Sheet:
    """A model of the stream. `stage`, `plan` and `doomed` are its temporary tables.

    `names` holds what is said by natural keys, of the foreign keys in `named`.

    `is_unkeyed` says that its records come without primary keys: their natural keys are `said` on the stage,
    `lookup` tells by which fields they are found. `link` is the place of a primary key that is a reference
    and comes as a field (multi-table inheritance).

    `parts` are the runs of ordinals that its records have; `is_rising` says that their keys rise, so
    that no two of them are of one object. `has_refused` says that some of them are not taken.
    """

    model: type[models.Model]
    columns: tuple[str, ...]
    key: Column
    values: tuple[Column, ...]
    many: tuple[Many, ...]
    stage: str
    plan: str
    doomed: str
    names: str
    link: int | None = None
    is_implied: bool = False
    is_unkeyed: bool = False
    lookup: Lookup | None = None
    parts: list[tuple[int, int, Places]] = field(default_factory=list)
    rows: int = 0
    pairs: int = 0
    said: int = 0
    named: set[Field] = field(default_factory=set)
    last: object = None
    is_rising: bool = True
    has_refused: bool = False

    @property
    def label(self) -> str:
        """`app.Model`."""
        return self.model._meta.label

    @property
    def pk(self) -> Field:
        """The column that identifies a row of the table."""
        return self.model._meta.pk

    @property
    def key_name(self) -> str:
        """The column of the stage that says what a record is called."""
        return "said" if self.is_unkeyed else "k"

    def called(self, name: Any) -> str:
        """What `key_name` holds, for a person."""
        return told(json.loads(name)) if self.is_unkeyed else str(name)

    @property
    def sent(self) -> frozenset[Field]:
        """The fields that the stream has values for."""
        return frozenset(column.field for column in self.values)

    def origin(self, number: int) -> Origin | None:
        """Where a record of this model stands in the input."""
        for start, length, places in self.parts:
            if start <= number < start + length:
                return places(number - start)
        return None


def told(key: Sequence[object]) -> str:
    """A natural key, for a person."""
    return ", ".join(map(repr, key))


def absence(*, has_refused: bool) -> str:
    """Where an object is not that another one names; `has_refused` tells of the objects of its model."""
    if has_refused:
        return "neither here nor among the objects of the other site that are not refused themselves"
    return "neither here nor in what the other site sent"


def make_sheet(
    model: type[models.Model],
    names: Sequence[str],
    number: int,
    connection: BaseDatabaseWrapper,
    *,
    json_is_text: bool,
    note: Callable[[str, str], None],
) -> Sheet:
    """Bind the columns of a stream to a model; `note` is told of those that it does not have."""
    meta = model._meta
    if isinstance(meta.pk, models.CompositePrimaryKey):
        raise ConfigurationError(f"{meta.label} has a composite primary key, which cannot be synced yet")
    if PK not in names:
        raise ConfigurationError(f"the objects of {meta.label} come without primary keys")

    def convert(bound: Field, column: str) -> Converter:
        is_text = json_is_text and isinstance(bound, models.JSONField)
        return compile_converter(bound, connection, column=column, is_text=is_text, exact=True)

    local = {f.name: f for f in meta.local_concrete_fields if not getattr(f, "generated", False)}
    many_to_many = {f.name: f for f in meta.local_many_to_many}
    values: list[Column] = []
    many: list[Many] = []
    link: int | None = None
    for index, name in enumerate(names):
        bound = local.get(name)
        if name == PK or bound is meta.pk:
            link = index if name != PK and isinstance(bound, models.ForeignKey) else link
            continue
        if bound is not None:
            converter = convert(bound, name)
            values.append(Column(index=index, field=bound, converter=converter, staged=f"v{len(values)}"))
        elif name in many_to_many:
            relation: Any = many_to_many[name]
            through = relation.remote_field.through
            target = through._meta.get_field(relation.m2m_reverse_field_name())
            many.append(
                Many(
                    index=index,
                    name=name,
                    through=through,
                    source=through._meta.get_field(relation.m2m_field_name()),
                    target=target,
                    converter=convert(target, name),
                    stage=f"modelsync_many_{number}_{len(many)}",
                )
            )
        else:
            note(name, f"{meta.label} has no field {name!r} here; its values are left out")
    return Sheet(
        model=model,
        columns=tuple(names),
        key=Column(index=names.index(PK), field=meta.pk, converter=convert(meta.pk, PK), staged="k"),
        values=tuple(values),
        many=tuple(many),
        stage=f"modelsync_stage_{number}",
        plan=f"modelsync_plan_{number}",
        doomed=f"modelsync_doomed_{number}",
        names=f"modelsync_names_{number}",
        link=link,
    )
