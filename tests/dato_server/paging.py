"""The arguments `first` and `skip`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeVar

from graphql import GraphQLArgument, GraphQLError

from tests.dato_server.scalars import INTEGER

PAGE: Final = 20
MOST: Final = 500

_T = TypeVar("_T")


def paging() -> dict[str, GraphQLArgument]:
    """The arguments of a field that gives pages."""
    return {
        "first": GraphQLArgument(INTEGER, default_value=PAGE),
        "skip": GraphQLArgument(INTEGER, default_value=0),
    }


def paged(all_of_them: Sequence[_T], page: Mapping[str, Any]) -> Sequence[_T]:
    """A page. Raises GraphQLError where it would be too large, or before the start."""
    first, skip = (page.get("first"), page.get("skip"))
    first, skip = PAGE if first is None else first, skip or 0
    if not 0 <= first <= MOST:
        raise GraphQLError(f"`first` must be from 0 to {MOST}, not {first}")
    if skip < 0:
        raise GraphQLError(f"`skip` must not be negative, as {skip} is")
    return all_of_them[skip : skip + first]
