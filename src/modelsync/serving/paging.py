"""Reading a queryset in pages, with flat memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, TypeVar

from django.db.models.query import QuerySet

Rows: TypeAlias = "QuerySet[Any, Any]"
T = TypeVar("T")

#: Rows on a page.
PAGE: Final = 2_000


def can_seek(queryset: Rows) -> bool:
    """Whether its pages can be found by the primary key alone: each row is there once, in any order."""
    query = queryset.query
    if query.is_sliced or query.distinct or query.combinator or query.group_by is not None:
        return False
    if query.extra_order_by or query.extra_tables or query.select_for_update:
        return False
    pk = queryset.model._meta.pk
    if tuple(query.order_by) not in ((), ("pk",), (pk.name,), (pk.attname,)):
        return False
    return not any(_multiplies(query, alias) for alias in query.alias_map)


def seek(queryset: Rows, fetch: Callable[[Rows], list[T]], key: Callable[[T], object]) -> Iterator[list[T]]:
    """Pages in the order of the primary key, each beginning after the last key of the one before."""
    attname = queryset.model._meta.pk.attname
    ordered = queryset.order_by(attname)
    rest = ordered
    while True:
        page = fetch(rest[:PAGE])
        if page:
            yield page
        if len(page) < PAGE:
            return
        rest = ordered.filter(**{f"{attname}__gt": key(page[-1])})


def _multiplies(query: Any, alias: str) -> bool:
    """Whether a join may give a row more than once."""
    join = query.alias_map[alias]
    if not query.alias_refcount.get(alias) or join.parent_alias is None:
        return False
    field = join.join_field
    return not (field.many_to_one or field.one_to_one)
