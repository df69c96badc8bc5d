"""The scalars and enums of DatoCMS that do not depend on a site."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLString,
)

STRING: Final = GraphQLString


def _named(name: str, like: GraphQLScalarType) -> GraphQLScalarType:
    return GraphQLScalarType(
        name, serialize=like.serialize, parse_value=like.parse_value, parse_literal=like.parse_literal
    )


def _id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"an id is a string, not {value!r}")
    return str(value)


def _time(value: Any) -> datetime:
    """A time without a zone is UTC."""
    at = datetime.fromisoformat(value)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _date(value: Any) -> date:
    return date.fromisoformat(value)


BOOLEAN: Final = _named("BooleanType", GraphQLBoolean)
INTEGER: Final = _named("IntType", GraphQLInt)
FLOAT: Final = _named("FloatType", GraphQLFloat)
ITEM_ID: Final = GraphQLScalarType("ItemId", serialize=str, parse_value=_id)
UPLOAD_ID: Final = GraphQLScalarType("UploadId", serialize=str, parse_value=_id)
DATE: Final = GraphQLScalarType("Date", parse_value=_date)
DATE_TIME: Final = GraphQLScalarType("DateTime", parse_value=_time)
JSON: Final = GraphQLScalarType("JsonField")

STATUS: Final = GraphQLEnumType("ItemStatus", {each: each for each in ("draft", "published", "updated")})
