"""The fence: nothing newer is ever replaced by something older.

It is one for all the arrivals of a request that go into one database, and locks what it knows of their
objects until the transaction ends: of two requests at once, one waits for the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import connections
from django.utils import timezone

from modelsync.push.receiving.arrivals import Arrival, Item
from modelsync.push.receiving.references import Place
from modelsync.tracking.upserting import upsert


@dataclass(slots=True, kw_only=True)
class Known:
    """What is known of an object: see tables.Received. Version 0: nothing.

    What `is_own` is known from the object itself; its creation may be the time when it came here.
    """

    epoch: int = 0
    version: int = 0
    deleted: bool = False
    creation: datetime | None = None
    is_own: bool = False


class Fence(Protocol):
    """Says what is news."""

    def lock(self, places: Iterable[Place], items: Sequence[Item] = ()) -> None:
        """Keep others from changing what is known of these; `items` are those that have arrived."""
        ...

    def is_news(self, item: Item) -> bool:
        """Whether an item is not older than what is known of its object."""
        ...

    def record(self, items: Sequence[Item]) -> None:
        """These are what is known from now on."""
        ...


class TableFence:
    """Remembers everything in a table (tables.Received), deleted objects, too."""

    def __init__(self, using: str, signers: frozenset[str] = frozenset()) -> None:
        from modelsync.push.receiving.tables import Received

        self.using = using
        self.signers = signers
        self.rows = Received._base_manager.using(using)
        self.known: dict[Place, Known] = {}
        self.ranks: dict[UUID, int] = {}

    def lock(self, places: Iterable[Place], items: Sequence[Item] = ()) -> None:
        """Lock the rows of these, in one order everywhere; those that are missing are made first."""
        wanted = sorted(set(places) - self.known.keys())
        if connections[self.using].vendor == "mysql":
            # What is there is locked for writing first: an INSERT that finds it would lock it for reading
            # only, and two that have such a lock wait for one another.
            self._read(wanted)
            wanted = [place for place in wanted if place not in self.known]
        self._make(wanted)
        self._read(wanted)
        for epoch in {item.arrival.epoch for item in items} - {None, *self.ranks}:
            assert epoch is not None
            self.ranks[epoch] = rank_of(epoch, self.using, self.signers)
        for item in items:
            if not self.known[item.place].version and item.arrival.epoch is None:
                self.known[item.place] = _own(item)

    def is_news(self, item: Item) -> bool:
        """By epoch and version, or, on version 1, by the object's own version and creation."""
        known, arrival = self.known[item.place], item.arrival
        if arrival.epoch is None:
            return known.epoch > 0 or is_news_to(known, arrival)
        if known.epoch == 0:
            return True
        return (self.ranks[arrival.epoch], arrival.version or 0) > (known.epoch, known.version)

    def record(self, items: Sequence[Item]) -> None:
        """Write what is known of these from now on."""
        from modelsync.push.receiving.tables import Received

        now = timezone.now()
        rows = []
        for item in sorted(items, key=lambda each: each.place):
            known, arrival = self.known[item.place], item.arrival
            known.deleted = arrival.deletes
            known.creation = arrival.creation or (None if known.is_own else known.creation)
            if arrival.epoch is not None or arrival.version is not None:
                known.epoch = self.ranks[arrival.epoch] if arrival.epoch else 0
                known.version = arrival.version or 0
            rows.append(
                Received(
                    model=item.label,
                    object_pk=item.key,
                    epoch=known.epoch,
                    version=known.version,
                    deleted=known.deleted,
                    creation=known.creation,
                    received_at=now,
                )
            )
        names = ["epoch", "version", "deleted", "creation", "received_at"]
        upsert(rows, ["model", "object_pk"], names, self.using)

    def _make(self, places: Sequence[Place]) -> None:
        """Make the rows that are missing. It comes first: SQLite takes its lock by writing."""
        from modelsync.push.receiving.tables import Received

        rows = [Received(model=label, object_pk=key) for label, key in places]
        self.rows.bulk_create(rows, ignore_conflicts=True)

    def _read(self, places: Sequence[Place]) -> None:
        columns = ("model", "object_pk", "epoch", "version", "deleted", "creation")
        by_label: dict[str, list[str]] = {}
        for label, key in places:
            by_label.setdefault(label, []).append(key)
        for label, keys in by_label.items():  # in the order of the places
            for start in range(0, len(keys), 500):
                some = self.rows.filter(model=label, object_pk__in=keys[start : start + 500])
                locked = some.select_for_update() if self._locks else some
                for _, key, epoch, version, deleted, creation in locked.order_by("object_pk").values_list(
                    *columns
                ):
                    self.known[label, key] = Known(
                        epoch=epoch, version=version, deleted=deleted, creation=creation
                    )

    @property
    def _locks(self) -> bool:
        return connections[self.using].features.has_select_for_update


class OwnFence:
    """Goes by the version and the creation that objects themselves have; without tables, for version 1."""

    def __init__(self) -> None:
        self.known: dict[Place, Known] = {}

    def lock(self, places: Iterable[Place], items: Sequence[Item] = ()) -> None:
        """Lock the objects, as far as they are here."""
        for item in items:
            self.known[item.place] = _own(item, lock=True)

    def is_news(self, item: Item) -> bool:
        """By the object's own version and creation."""
        return is_news_to(self.known[item.place], item.arrival)

    def record(self, items: Sequence[Item]) -> None:
        """Nothing: the objects themselves were written."""


def rank_of(epoch: UUID, using: str, signers: frozenset[str]) -> int:
    """The number of an epoch, that is higher the later it was seen first; it is noted who signs in it."""
    from modelsync.push.receiving.tables import SeenEpoch

    seen = SeenEpoch._base_manager.using(using)
    found, _ = seen.get_or_create(epoch=epoch, defaults={"first_seen_at": timezone.now()})
    known = set(found.signers.split())
    if not signers <= known:
        seen.filter(pk=found.pk).update(signers="\n".join(sorted(signers | known)))
    return int(found.pk)


def is_news_to(known: Known, arrival: Arrival) -> bool:
    """Whether an arrival by version 1 of the wire is news.

    An object that was made again later has a version that is lower, and a creation that is newer. A deletion
    may come without a version.
    """
    if arrival.version is None or not known.version:
        return True
    if _is_newer(arrival.creation, known.creation):
        return True
    if _is_newer(known.creation, arrival.creation) and not known.is_own:
        return False
    if known.deleted and not arrival.deletes:
        return arrival.version > known.version
    return arrival.version >= known.version


def _is_newer(one: datetime | None, other: datetime | None) -> bool:
    return one is not None and other is not None and one > other


def _own(item: Item, *, lock: bool = False) -> Known:
    """What an object that is here says of itself."""
    accepted = item.accepted
    rows = accepted.model._base_manager.using(accepted.using).filter(**{accepted.key.attname: item.value})
    if lock and connections[accepted.using].features.has_select_for_update:
        rows = rows.select_for_update()
    row: Any = rows.first()
    version, creation = getattr(row, "version", None), getattr(row, "creation", None)
    return Known(
        version=version if isinstance(version, int) else 0,
        creation=creation if isinstance(creation, datetime) else None,
        is_own=True,
    )
