"""Giving committed changes their place in the feed.

It is done after the commit, by one process at a time: so positions are in the order of commits, and whoever
remembers the highest that it saw misses nothing. What counts is the state of an object, not how it came
about: changes of one object that lie between two sequencings are one, and one that changed nothing is none.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import F
from django.dispatch import Signal
from django.utils import timezone

from modelsync.tracking.among import among
from modelsync.tracking.models import Change, Feed, Ledger
from modelsync.tracking.registry import REGISTRY, Tracked
from modelsync.tracking.states import SIZE, digests, everything
from modelsync.tracking.upserting import upsert

#: Changes that are read at a time.
MOST: Final = 1_000
_ONLY: Final = 1
_NOTHING: Final = bytes(SIZE)

#: Sent with `entries` and `using`, in the transaction that gives them their positions.
sequenced = Signal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The newest state of an object has a version and a position in the feed."""

    label: str
    key: str
    version: int
    position: int
    deleted: bool
    digest: bytes


def sequence(using: str = "default", *, most: int = MOST) -> int:
    """Sequence all changes that are committed by now, `most` in a transaction; the number of entries."""
    total = 0
    while True:
        with transaction.atomic(using=using):
            read, entries = _sequence_some(using, most)
        total += entries
        if read < most:
            return total


def is_pending(using: str = "default") -> bool:
    """Whether there is anything to sequence; for those who look often, since sequencing takes a lock."""
    return Change.objects.using(using).exists()


def _sequence_some(using: str, most: int) -> tuple[int, int]:
    position = hold(using)
    log = Change.objects.using(using)
    changes = list(log.order_by("pk").values_list("pk", "model", "object_pk")[:most])
    entries: list[Entry] = []
    if changes:
        entries = list(_entries(((label, key) for _, label, key in changes), position, using))
        _write(entries, using)
        # Exactly those that were read: one with a lower number may be committed after them.
        log.filter(among("pk", [number for number, _, _ in changes]))._raw_delete(using)
    if entries:
        Feed.objects.using(using).filter(pk=_ONLY).update(position=entries[-1].position)
        sequenced.send(sender=Entry, entries=entries, using=using)
    return len(changes), len(entries)


def epoch_of(using: str = "default") -> uuid.UUID:
    """Which feed this is: another one begins when a database was restored."""
    epoch = Feed.objects.using(using).filter(pk=_ONLY).values_list("epoch", flat=True).first()
    if epoch is None:
        with transaction.atomic(using=using):
            hold(using)
        return epoch_of(using)
    return epoch


def hold(using: str) -> int:
    """Keep others from sequencing until the transaction ends; the last position that was given."""
    row = Feed.objects.using(using).filter(pk=_ONLY)
    while not row.update(position=F("position")):
        try:
            with transaction.atomic(using=using):
                Feed.objects.using(using).create(pk=_ONLY, epoch=uuid.uuid4())
        except IntegrityError:
            continue  # another process was faster
    return row.values_list("position", flat=True).get()


def _entries(written: Iterable[tuple[str, str]], position: int, using: str) -> Iterator[Entry]:
    """What is new of these objects, in the order of their last changes."""
    last = {each: place for place, each in enumerate(written)}
    found: list[tuple[int, Entry]] = []
    for label, group in groupby(sorted(last), lambda each: each[0]):
        tracked = REGISTRY.of(label)
        if tracked is None:
            continue  # it was tracked when they were captured
        keys = [key for _, key in group]
        for some in everything(tracked, using) if "" in keys else [keys]:
            for entry in _of_model(tracked, some, using):
                found.append((last.get((label, entry.key), -1), entry))
    for number, (_, entry) in enumerate(sorted(found, key=lambda each: each[0]), position + 1):
        yield replace(entry, position=number)


def _of_model(tracked: Tracked, keys: Sequence[str], using: str) -> Iterator[Entry]:
    label, now = tracked.label, digests(tracked, keys, using)
    rows = Ledger.objects.using(using).filter(among("object_pk", keys), model=label)
    before = {
        key: (version, deleted, bytes(digest))
        for key, version, deleted, digest in rows.values_list("object_pk", "version", "deleted", "digest")
    }
    for key in keys:
        version, was_deleted, was = before.get(key, (0, True, _NOTHING))
        digest = now.get(key, _NOTHING)
        deleted = key not in now
        if deleted != was_deleted or (not deleted and digest != was):
            yield Entry(label=label, key=key, version=version + 1, position=0, deleted=deleted, digest=digest)


def _write(entries: Sequence[Entry], using: str) -> None:
    now = timezone.now()
    rows = [
        Ledger(
            model=entry.label,
            object_pk=entry.key,
            version=entry.version,
            feed_position=entry.position,
            deleted=entry.deleted,
            digest=entry.digest,
            changed_at=now,
        )
        for entry in entries
    ]
    names = ["version", "feed_position", "deleted", "digest", "changed_at"]
    upsert(rows, ["model", "object_pk"], names, using)
