"""Which rows of a batch depend on an earlier one, so that they must not be written together with it.

Two rows depend on each other when they may mean the same object or want the same unique value: the
same match values, the same external key, or the same values for a unique set of fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models

from modelsync.targets.django.schema import Field, base_field
from modelsync.targets.django.shape import Shape
from modelsync.targets.django.sql import Dialect
from modelsync.targets.django.sql.base import TEXTS
from modelsync.targets.django.staged.loading import Loaded

#: For each kind of item, the rows that share one with another row: row number -> which one.
Shared = list[dict[int, object]]


def shared_items(shape: Shape, loaded: Loaded, dialect: Dialect, cursor: Any, stage: str) -> Shared:
    """The items that rows of a loaded and staged group share."""
    shared: Shared = []
    sets = _field_sets(shape)
    if "k" in loaded.columns:
        shared.append(_shared_values([loaded.columns["k"]]))
    for fields in sets:
        names = [name for field in fields for name in _columns(shape, field)]
        columns = [loaded.columns[name] for name in names]
        if all(_compares_in_python(field, dialect) for field in fields):
            shared.append(_shared_values(columns))
        elif any(map(_differs_whatever_the_collation, columns)):
            continue
        else:
            shared.append(_shared_rows(names, dialect, cursor, stage))
    return [each for each in shared if each]


def split(rows: Sequence[int], shared: Shared) -> tuple[list[int], list[int]]:
    """Rows that share nothing with an earlier row, and the rest; both in order."""
    if not shared:
        return list(rows), []
    alone: list[int] = []
    rest: list[int] = []
    seen: set[tuple[int, object]] = set()
    for row in rows:
        items = [(kind, items[row]) for kind, items in enumerate(shared) if row in items]
        (rest if any(item in seen for item in items) else alone).append(row)
        seen.update(items)
    return alone, rest


def _field_sets(shape: Shape) -> list[tuple[Field, ...]]:
    given = {column.field for column in shape.values} | {r.field for r in shape.references if r.field}
    matched = tuple(column.field for name in shape.match.names if (column := shape.value(name)))
    sets = [matched] if matched else []
    for unique in shape.schema.unique_sets:
        present = tuple(field for field in unique if field in given)
        if present and not set(matched) <= set(present):
            sets.append(present)
    return list(dict.fromkeys(sets))


def _columns(shape: Shape, field: Field) -> list[str]:
    for column in shape.values:
        if column.field is field:
            return [f"v{column.index}"]
    return [
        f"l{lookup.index}"
        for reference in shape.references
        if reference.field is field
        for lookup in reference.lookups
    ]


def _compares_in_python(field: Field, dialect: Dialect) -> bool:
    """Whether equal staged values are exactly those that the database calls equal."""
    if isinstance(field, models.ForeignKey):
        return False
    if isinstance(base_field(field), TEXTS):
        return dialect.tells_apart(field)
    return isinstance(base_field(field), models.IntegerField)


def _differs_whatever_the_collation(values: Sequence[Any]) -> bool:
    """Whether no two of the values are equal under any collation: plain ASCII that differs in more
    than letter case and trailing spaces.
    """
    if set(map(type, values)) != {str}:
        return False
    joined = "".join(values)
    return (
        joined.isascii()
        and joined.isprintable()
        and len({v.rstrip(" ").lower() for v in values}) == len(values)
    )


def _shared_values(columns: Sequence[Sequence[Any]]) -> dict[int, object]:
    values = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    if len(set(values)) == len(values):
        return {}
    first: dict[object, int] = {}
    shared: dict[int, object] = {}
    for row, value in enumerate(values):
        if value is None or (isinstance(value, tuple) and None in value):
            continue
        known = first.setdefault(value, row)
        if known != row:
            shared[known] = shared[row] = known
    return shared


def _shared_rows(names: Sequence[str], dialect: Dialect, cursor: Any, stage: str) -> dict[int, object]:
    listed = ", ".join(names)
    table = dialect.quote(stage)
    equal = " AND ".join(f"d.{name} = s.{name}" for name in names)
    cursor.execute(
        f"SELECT s.n, d.first FROM {table} s JOIN (SELECT {listed}, MIN(n) AS first FROM {table} "
        f"GROUP BY {listed} HAVING COUNT(*) > 1) d ON {equal}"
    )
    return dict(cursor.fetchall())
