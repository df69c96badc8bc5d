"""The lines of one level of a page of objects, put together from its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeAlias

from modelsync.serving.columns import related_steps
from modelsync.serving.errors import UnservableValue
from modelsync.serving.layout import Level, Many, Style
from modelsync.serving.shortcuts import Step, Values, run

Line: TypeAlias = "tuple[object, ...]"
#: The lines of one page, of all levels.
Page: TypeAlias = "list[Line]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A level, and its place among the models of the header."""

    place: int
    level: Level


def make_lines(placed: Placed, keys: Values, columns: Sequence[Values], many: Sequence[Values]) -> Page:
    """One line for each object: place, primary key (None for a natural one), values, lists of keys."""
    written = keys if placed.level.keyed else repeat(None, len(keys))
    return list(zip(repeat(placed.place), written, *columns, *many, strict=False))


def make_related(level: Level, style: Style, using: str) -> dict[Many, tuple[Step, ...]]:
    """For each many-to-many relation the steps from its keys to what is written."""
    return {field: related_steps(field, style, using) for field in level.many}


def write_related(lists: list[list[Any]], steps: Sequence[Step]) -> Values:
    """The same lists with their keys written."""
    if not steps:
        return lists
    flat = iter(run(steps, [key for keys in lists for key in keys]))
    return [[next(flat) for _ in keys] for keys in lists]


@contextmanager
def naming(keys: Values) -> Iterator[None]:
    """Say of which object a value could not be served."""
    try:
        yield
    except UnservableValue as error:
        raise error.of(keys[error.place]) from None
