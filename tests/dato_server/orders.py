"""The `orderBy` argument, and the order of records where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from graphql import GraphQLEnumType

from tests.dato_server.content import ItemType
from tests.dato_server.filters import attribute
from tests.dato_server.naming import camelized, field_name
from tests.dato_server.view import Shown, View

_META: Final = (
    "id",
    "_createdAt",
    "_updatedAt",
    "_publishedAt",
    "_firstPublishedAt",
    "_status",
    "_isValid",
)
_SORTED: Final = ("string", "slug", "integer", "float", "boolean", "date", "date_time")


def order_type(model: ItemType) -> GraphQLEnumType:
    """The type of the `orderBy` argument of a model: `id_ASC`, `title_DESC`, ..."""
    names = [*_META, *(("position",) if model.has_position else ())]
    names += [field_name(each.api_key) for each in model.fields if each.kind in _SORTED]
    values = {f"{name}_{way}": f"{name}_{way}" for name in names for way in ("ASC", "DESC")}
    return GraphQLEnumType(f"{camelized(model.api_key)}ModelOrderBy", values)


def default_order(model: ItemType) -> str:
    """What orders the records of a model if nothing is said."""
    return "position_ASC" if model.is_sortable else "_updatedAt_DESC"


def ordered(records: Sequence[Shown], orders: Sequence[str], model: ItemType, view: View) -> list[Shown]:
    """The records in this order. What is empty is greater than all else; equals stay as they are."""
    found = list(records)
    for each in reversed(orders or (default_order(model),)):
        name, _, way = each.rpartition("_")
        keys = {id(shown): attribute(shown, name, view) for shown in found}
        found.sort(key=lambda shown: _key(keys[id(shown)]), reverse=way == "DESC")
    return found


def _key(value: object) -> tuple[bool, object]:
    # What is empty is never compared with what is not.
    return (value is None, 0 if value is None else value)
