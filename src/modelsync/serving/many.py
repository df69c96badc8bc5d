"""The many-to-many keys of a page of objects: one query for each relation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.db import connections
from django.db.models.manager import BaseManager
from django.db.models.sql.constants import MULTI

from modelsync.serving.layout import Many
from modelsync.serving.paging import PAGE, Rows


def related_keys(field: Many, owners: Sequence[Any], using: str, *, whole: bool) -> list[list[Any]]:
    """For each owner, given by its key, the keys that the relation names, as Python has them.

    `whole`: the owners are all that there are between the first and the last, in their order.
    """
    through = field.remote_field.through
    assert through is not None
    owner: Any = through._meta.get_field(field.m2m_field_name())
    target: Any = through._meta.get_field(field.m2m_reverse_field_name())
    rows = through._base_manager.using(using).order_by(owner.attname, target.attname)
    manager = target.related_model._default_manager
    if type(manager).get_queryset is not BaseManager.get_queryset:
        # What the manager hides is not served, as with Django's serializers.
        rows = rows.filter(**{f"{target.name}__in": manager.using(using).order_by()})
    found: defaultdict[Any, list[Any]] = defaultdict(list)
    for some in _of_owners(rows, owner, owners, using, whole):
        for key, related in _pairs(some.values_list(owner.attname, target.attname)):
            found[key].append(related)
    return [found.get(key, []) for key in owners]


def _pairs(selected: Any) -> Iterable[Sequence[Any]]:
    """The rows of a query; as the driver gives them, where they need not be converted."""
    compiler = selected.query.get_compiler(selected.db)
    blocks = compiler.execute_sql(MULTI, chunk_size=PAGE)
    rows: Iterable[Sequence[Any]] = compiler.results_iter(blocks)
    return rows


def _of_owners(rows: Rows, owner: Any, owners: Sequence[Any], using: str, whole: bool) -> Iterator[Rows]:
    if whole and owners:
        yield rows.filter(**{f"{owner.attname}__gte": owners[0], f"{owner.attname}__lte": owners[-1]})
        return
    size = connections[using].features.max_query_params or PAGE
    for start in range(0, len(owners), size):
        yield rows.filter(**{f"{owner.attname}__in": list(owners[start : start + size])})
