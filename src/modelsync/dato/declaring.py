"""What a project says of its models: which record of the CMS each is, and where its fields come from.

@fetch_from_dato(Product)
class ProductOptions(SyncOptions):
    dato_model_path = "product"
    field_mappings = ["name", "price" |from_dato_path("pricing.amount"), "order" |position_in_parent]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final, TypeAlias

from modelsync.core.errors import ConfigurationError

_STEP: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Taken(Enum):
    """What a field takes: a value, or the place of its object."""

    VALUE = "value"
    POSITION = "position_in_parent"
    FLATTENED = "flattened_position"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMapping:
    """Where a field of a Django model comes from.

    Args:
        field: its name here.
        path: the names of fields of the CMS that lead to the value, snake case or as the API has them.
            They start at the record or block that the object is made of; with `is_absolute` at the record,
            whose name comes first.
        is_localized: whether each language has its value, in a field of its own.
        taken: whether the value is taken, or a place in an order.
    """

    field: str
    path: tuple[str, ...] = ()
    is_localized: bool = False
    is_absolute: bool = False
    taken: Taken = Taken.VALUE


class Suffix:
    """What may stand behind `|` after the name of a field."""

    def __init__(self, make: Callable[[str], FieldMapping]) -> None:
        self._make = make

    def __ror__(self, field: str) -> FieldMapping:
        return self._make(field)


def from_dato_path(path: str, localized: bool = False, absolute: bool = False) -> Suffix:
    """Say where a field comes from: `"name" |from_dato_path("seo.title", localized=True)`.

    Args:
        path: the names of the fields that lead to the value, with dots.
        localized: whether each language has its value: in `name_de` and so on, with or without a `name`, or
            as django-modeltranslation has it.
        absolute: whether the path starts with the record's own name, and not at the block that
            `dato_model_path` leads to.

    Raises ConfigurationError for what is no path.
    """
    steps = steps_of(path, "from_dato_path")
    if absolute and len(steps) < 2:
        raise ConfigurationError(
            f"from_dato_path({path!r}, absolute=True) names no field; an absolute path starts with the "
            f"model, as in {path + '.title'!r}"
        )
    return Suffix(
        lambda field: FieldMapping(field=field, path=steps, is_localized=localized, is_absolute=absolute)
    )


#: Has a field take the place of its object among its siblings, from 0: `"order" |position_in_parent`.
position_in_parent: Final = Suffix(lambda field: FieldMapping(field=field, taken=Taken.POSITION))

#: Has a field take the place of its object among all of its kind, from 0: `"order" |flattened_position`.
flattened_position: Final = Suffix(lambda field: FieldMapping(field=field, taken=Taken.FLATTENED))

#: What may stand in `field_mappings`; the name of a field alone means the field of the same name.
Mapped: TypeAlias = "str | FieldMapping"


class SyncOptions:
    """What a model is made of. Set both attributes; see docs/how-to of the connector.

    `dato_model_path` is the API key of a model of the CMS; with dots behind it, of the fields that lead to
    blocks. `field_mappings` are the fields that are synced; those that are left out stay local.
    """

    dato_model_path: ClassVar[str] = ""
    field_mappings: ClassVar[Sequence[Mapped]] = ()


def mappings_of(options: type[SyncOptions]) -> tuple[FieldMapping, ...]:
    """The field mappings of options; raises ConfigurationError for what is none, or is there twice."""
    found: dict[str, FieldMapping] = {}
    for given in options.field_mappings:
        mapping = _mapping(given, options)
        if mapping.field in found:
            raise ConfigurationError(f"{options.__qualname__}.field_mappings maps {mapping.field!r} twice")
        found[mapping.field] = mapping
    return tuple(found.values())


def steps_of(path: object, where: str) -> tuple[str, ...]:
    """The names of a path with dots; raises ConfigurationError."""
    steps = tuple(path.split(".")) if isinstance(path, str) else ()
    if not steps or not all(_STEP.match(step) for step in steps):
        raise ConfigurationError(
            f"{where}: {path!r} is no path; write names of fields with dots between them, as 'author.name'"
        )
    return steps


def _mapping(given: object, options: type[SyncOptions]) -> FieldMapping:
    where = f"{options.__qualname__}.field_mappings"
    if isinstance(given, FieldMapping):
        return given
    if isinstance(given, str):
        (*more, _), name = steps_of(given, where), given
        if not more:
            return FieldMapping(field=name, path=(name,))
    raise ConfigurationError(
        f"{where}: {given!r} is no field; write its name, or 'name' |from_dato_path('path.in.the.cms')"
    )
