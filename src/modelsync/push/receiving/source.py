"""Items as a source of the engine: batches of one model, one operation and one set of fields each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import groupby
from typing import Any, Final

from modelsync.core.mapping import WholeBatch
from modelsync.core.ports import Extent
from modelsync.core.records import Action, Batch, Cursor, Origin
from modelsync.push.receiving.accepting import label_of
from modelsync.push.receiving.arrivals import Item
from modelsync.push.receiving.binding import KEY, column_names

_WRITE: Final = WholeBatch()
_CHANGE: Final = WholeBatch(Action.UPDATE | Action.FORCE)
_DELETE: Final = WholeBatch(Action.DELETE | Action.FORCE)


class ItemSource:
    """Yields deletions first, of what refers before what it refers to; then the others, the other way.

    `items` are in the order of the records' ordinals.
    """

    extent = Extent.DELTA

    def __init__(self, items: Sequence[Item]) -> None:
        rank = _ranks(items)
        self.items = sorted(
            items,
            key=lambda item: (
                not item.deletes,
                -rank[item.label] if item.deletes else rank[item.label],
                _kind(item),
                item.key,
            ),
        )

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        """The batches, all of them."""
        start = 0
        for _, group in groupby(self.items, key=_kind):
            some = list(group)
            names = column_names(some[0])
            yield Batch(
                columns=(KEY, *names),
                rows=[(item.value, *(item.fields[name] for name in names)) for item in some],
                start=start,
                places=lambda index: Origin("push", index, "change"),
                model=some[0].label,
            )
            start += len(some)

    def mapping(self, batch: Batch) -> WholeBatch:
        """What the records of a batch ask for."""
        item = self.items[batch.start]
        if item.deletes:
            return _DELETE
        return _CHANGE if item.fills or item.arrival.deletes else _WRITE


def _kind(item: Item) -> tuple[Any, ...]:
    """What items of one batch have in common."""
    return (
        item.label,
        item.deletes,
        item.arrival.deletes,
        item.fills,
        item.arrival.is_text,
        column_names(item),
    )


def _ranks(items: Sequence[Item]) -> dict[str, int]:
    """Labels in an order in which what is referred to comes first, as far as there is one."""
    accepted = {item.label: item.accepted for item in items}
    graph = {
        label: {
            label_of(reference.related_model)
            for reference in each.references
            if not reference.null and label_of(reference.related_model) != label
        }
        for label, each in accepted.items()
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError:
        order = sorted(accepted)
    return {label: rank for rank, label in enumerate(order)}
