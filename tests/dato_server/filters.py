"""The `filter` argument: its input types, and which records it lets through."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
)

from tests.dato_server.content import Field, File, ItemType, Upload
from tests.dato_server.naming import camelized, field_name
from tests.dato_server.scalars import (
    BOOLEAN,
    DATE,
    DATE_TIME,
    FLOAT,
    INTEGER,
    ITEM_ID,
    STATUS,
    STRING,
    UPLOAD_ID,
)
from tests.dato_server.view import Shown, View

_LISTED: Final = ("in", "notIn", "allIn", "anyIn")
_FLAGS: Final = ("exists", "isBlank", "isPresent")
_PATTERNS: Final = ("matches", "notMatches")
_BLANK: Final[tuple[object, ...]] = (None, "", (), [])

_PATTERN: Final = GraphQLInputObjectType(
    "StringMatchesFilter",
    {
        "pattern": GraphQLInputField(GraphQLNonNull(STRING)),
        "caseSensitive": GraphQLInputField(BOOLEAN),
        "regexp": GraphQLInputField(BOOLEAN),
    },
)


def _operators(name: str, of: GraphQLInputType, *names: str) -> GraphQLInputObjectType:
    def type_of(operator: str) -> GraphQLInputType:
        if operator in _LISTED:
            return GraphQLList(of)
        return BOOLEAN if operator in _FLAGS else _PATTERN if operator in _PATTERNS else of

    return GraphQLInputObjectType(name, {each: GraphQLInputField(type_of(each)) for each in names})


_CHOICE: Final = ("eq", "neq", "in", "notIn")
_ORDER: Final = ("eq", "neq", "gt", "lt", "gte", "lte", "exists")
_TEXTS: Final = ("isBlank", "isPresent", "exists", *_PATTERNS)

_ID: Final = _operators("ItemIdFilter", ITEM_ID, *_CHOICE)
_PARENT: Final = _operators("ParentFilter", ITEM_ID, "eq", "exists")
_POSITION: Final = _operators("PositionFilter", INTEGER, *_ORDER)
_CREATED: Final = _operators("CreatedAtFilter", DATE_TIME, *_ORDER)
_UPDATED: Final = _operators("UpdatedAtFilter", DATE_TIME, *_ORDER)
_PUBLISHED: Final = _operators("PublishedAtFilter", DATE_TIME, *_ORDER)
_STATUS: Final = _operators("StatusFilter", STATUS, *_CHOICE)
_BOOLEAN: Final = _operators("BooleanFilter", BOOLEAN, "eq")

_BY_KIND: Final[Mapping[str, GraphQLInputObjectType]] = {
    "string": _operators("StringFilter", STRING, *_CHOICE, *_TEXTS),
    "text": _operators("TextFilter", STRING, *_TEXTS),
    "slug": _operators("SlugFilter", STRING, *_CHOICE, *_PATTERNS),
    "integer": _operators("IntegerFilter", INTEGER, *_ORDER),
    "float": _operators("FloatFilter", FLOAT, *_ORDER),
    "boolean": _BOOLEAN,
    "date": _operators("DateFilter", DATE, *_ORDER),
    "date_time": _operators("DateTimeFilter", DATE_TIME, *_ORDER),
    "link": _operators("LinkFilter", ITEM_ID, *_CHOICE, "exists"),
    "file": _operators("FileFilter", UPLOAD_ID, *_CHOICE, "exists"),
    "links": GraphQLInputObjectType(
        "LinksFilter",
        {
            **{name: GraphQLInputField(GraphQLList(ITEM_ID)) for name in ("eq", "allIn", "anyIn", "notIn")},
            "exists": GraphQLInputField(BOOLEAN),
        },
    ),
}

_META: Final[Mapping[str, GraphQLInputObjectType]] = {
    "id": _ID,
    "_createdAt": _CREATED,
    "_updatedAt": _UPDATED,
    "_publishedAt": _PUBLISHED,
    "_firstPublishedAt": _PUBLISHED,
    "_status": _STATUS,
    "_isValid": _BOOLEAN,
}

_METAS: Final[Mapping[str, Callable[[Shown, View], Any]]] = {
    "id": lambda shown, view: shown.record.id,
    "_createdAt": lambda shown, view: shown.record.created,
    "_updatedAt": lambda shown, view: view.updated(shown),
    "_publishedAt": lambda shown, view: shown.record.published,
    "_firstPublishedAt": lambda shown, view: shown.record.first_published,
    "_status": lambda shown, view: shown.record.status,
    "_isValid": lambda shown, view: shown.record.is_valid,
    "_locales": lambda shown, view: shown.locales,
    "position": lambda shown, view: shown.record.position,
    "parent": lambda shown, view: shown.record.parent,
}


def locales_filter(locales: GraphQLEnumType) -> GraphQLInputObjectType:
    """The type that filters by the locales that a record has; a schema has one of them."""
    return _operators("LocalesFilter", locales, "allIn", "anyIn", "notIn")


def filter_type(model: ItemType, by_locales: GraphQLInputObjectType) -> GraphQLInputObjectType:
    """The type of the `filter` argument of a model."""

    def fields() -> dict[str, GraphQLInputField]:
        found: dict[str, GraphQLInputType] = {**_META}
        if any(each.localised for each in model.fields):
            found["_locales"] = by_locales
        if model.has_position:
            found["position"] = _POSITION
        if model.is_tree:
            found["parent"] = _PARENT
        for each in model.fields:
            if each.kind in _BY_KIND:
                found[field_name(each.api_key)] = _BY_KIND[each.kind]
        found["AND"] = found["OR"] = GraphQLList(made)
        return {name: GraphQLInputField(each) for name, each in found.items()}

    made = GraphQLInputObjectType(f"{camelized(model.api_key)}ModelFilter", fields)
    return made


def upload_filter_type() -> GraphQLInputObjectType:
    """The type of the `filter` argument of assets."""
    found = {"id": _operators("UploadIdFilter", UPLOAD_ID, *_CHOICE), "_updatedAt": _UPDATED}
    return GraphQLInputObjectType("UploadFilter", {k: GraphQLInputField(v) for k, v in found.items()})


def upload_passes(wanted: Mapping[str, Any], upload: Upload) -> bool:
    """Whether a filter lets an asset through."""
    actual = {"id": upload.id, "_updatedAt": upload.updated}
    return all(
        _holds(operator, actual[name], value)
        for name, condition in wanted.items()
        for operator, value in (condition or {}).items()
    )


def passes(wanted: Mapping[str, Any], shown: Shown, view: View) -> bool:
    """Whether a filter lets a record through."""
    for name, condition in wanted.items():
        if name == "AND":
            holds = all(passes(each, shown, view) for each in condition)
        elif name == "OR":
            holds = any(passes(each, shown, view) for each in condition)
        else:
            actual = attribute(shown, name, view)
            holds = all(_holds(operator, actual, value) for operator, value in (condition or {}).items())
        if not holds:
            return False
    return True


def attribute(shown: Shown, name: str, view: View) -> Any:
    """What filters and orders go by: a meta attribute, or a field in the locale that is asked for."""
    if name in _METAS:
        return _METAS[name](shown, view)
    shape = _field(shown.model, name)
    value = shown.content.get(shape.api_key)
    value = shown.languages.pick(value) if shape.localised else value
    return value.upload if isinstance(value, File) else value


def _field(model: ItemType, name: str) -> Field:
    return next(each for each in model.fields if field_name(each.api_key) == name)


def _holds(operator: str, actual: Any, wanted: Any) -> bool:
    if wanted is None and operator not in ("eq", "neq"):
        return True
    if operator in _FLAGS:
        is_there = actual not in _BLANK
        return is_there is not bool(wanted) if operator == "isBlank" else is_there is bool(wanted)
    if operator in _PATTERNS:
        return _matches(actual or "", wanted) is (operator == "matches")
    return _OPERATORS[operator](_comparable(actual), _comparable(wanted))


def _comparable(value: Any) -> Any:
    """Times lose their seconds: `eq` means within that minute."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(second=0, microsecond=0)
    if isinstance(value, date):
        return value.isoformat()
    return [_comparable(each) for each in value] if isinstance(value, list | tuple) else value


def _matches(actual: str, wanted: Mapping[str, Any]) -> bool:
    pattern = wanted["pattern"] if wanted.get("regexp") else re.escape(wanted["pattern"])
    return re.search(pattern, actual, 0 if wanted.get("caseSensitive") else re.IGNORECASE) is not None


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda actual, wanted: actual is not None and wanted is not None and compare(actual, wanted)


_OPERATORS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda actual, wanted: actual == wanted,
    "neq": lambda actual, wanted: actual != wanted,
    "in": lambda actual, wanted: actual in wanted,
    "notIn": lambda actual, wanted: (
        not set(actual) & set(wanted) if isinstance(actual, list) else actual not in wanted
    ),
    "allIn": lambda actual, wanted: set(wanted) <= set(actual or ()),
    "anyIn": lambda actual, wanted: bool(set(wanted) & set(actual or ())),
    "gt": _compared(lambda actual, wanted: actual > wanted),
    "lt": _compared(lambda actual, wanted: actual < wanted),
    "gte": _compared(lambda actual, wanted: actual >= wanted),
    "lte": _compared(lambda actual, wanted: actual <= wanted),
}
