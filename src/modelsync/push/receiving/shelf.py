"""What has to wait: objects that need another one first, references to what is not here, and deletions of
what received objects still refer to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from django.db import models
from django.utils import timezone

from modelsync.push.receiving.accepting import Acceptance, Accepted, label_of
from modelsync.push.receiving.arrivals import Arrival, Item
from modelsync.push.receiving.converting import Converters
from modelsync.push.receiving.references import Place, Reference, place_of, referred_fields
from modelsync.push.receiving.tables import Awaited, HeldBack, Received
from modelsync.tracking.upserting import upsert

_CHUNK = 400


class Shelf:
    """Keeps what waits, for the arrivals of one request that go into one database."""

    def __init__(self, using: str, acceptance: Acceptance) -> None:
        self.using = using
        self.acceptance = acceptance
        self.held: dict[Place, HeldBack] = {}
        self.waiting: set[Place] = set()
        self.referred = referred_fields(acceptance.by_label.values())

    # -- what is on it -----------------------------------------------------------------------

    def load(self, places: Iterable[Place]) -> None:
        """Read what is kept for these objects, which are locked."""
        for label, keys in _by_label(places):
            found = self._rows(HeldBack).filter(model=label, object_pk__in=keys)
            self.held.update({(each.model, each.object_pk): each for each in found})
            waiting = self._rows(Awaited).filter(model=label, object_pk__in=keys)
            self.waiting.update((label, key) for key in waiting.values_list("object_pk", flat=True))

    def merged(self, item: Item) -> Item:
        """An item with what is held back of its object, as far as it does not say it anew."""
        held = self.held.get(item.place)
        if held is None or held.deletes or item.arrival.deletes or held.is_text != item.arrival.is_text:
            return item
        older = self._arrival(held)
        merged = replace(item.arrival, fields={**older.fields, **item.arrival.fields})
        before = self._item(item.accepted, older, item.value, item.key)
        return replace(item, arrival=merged, fields={**before.fields, **item.fields})

    def waiters(self, places: Iterable[Place]) -> set[Place]:
        """The objects that wait for one of these."""
        found: set[Place] = set()
        for label, keys in _by_label(places):
            rows = self._rows(Awaited).filter(target_model=label, target_key__in=keys)
            found.update(rows.values_list("model", "object_pk"))
        return found

    # -- what goes onto it, and what leaves it -----------------------------------------------

    def hold(self, item: Item, missing: Sequence[Reference]) -> None:
        """Keep an item whole until these are here; without any, a deletion."""
        row = HeldBack(
            model=item.label,
            object_pk=item.key,
            deletes=item.deletes,
            fields=msgspec.json.encode(dict(item.arrival.fields)).decode(),
            is_text=item.arrival.is_text,
            held_at=timezone.now(),
        )
        self._forget(item.place, list(self._awaited(item.place)))
        names = ["deletes", "fields", "is_text", "reason", "held_at"]
        upsert([row], ["model", "object_pk"], names, self.using)
        self.held[item.place] = row
        self._await(item, missing)

    def settle(self, item: Item, missing: Sequence[Reference]) -> None:
        """An item is written, but for these references; what was kept of its object is out of date."""
        rows = [
            row
            for row in self._awaited(item.place)
            if item.deletes
            or (row.is_required and not item.fills)
            or (row.field in item.fields and _is_answered(row, item))
        ]
        self._forget(item.place, rows)
        if item.place in self.held and not item.fills:
            self._rows(HeldBack).filter(model=item.label, object_pk=item.key).delete()
            del self.held[item.place]
        self._await(item, missing)

    def give_up(self, item: Item, reason: str) -> None:
        """What was held back is refused, though nothing is missing any more: a person has to look at it."""
        self._rows(HeldBack).filter(model=item.label, object_pk=item.key).update(reason=reason)
        rows = self._awaited(item.place)
        if item.fills:
            tried = [row for row in rows if row.field in item.fields and _is_answered(row, item)]
        else:
            tried = [row for row in rows if row.is_required]
        self._forget(item.place, tried)

    # -- what need not wait any more ---------------------------------------------------------

    def places_of(self, accepted: Accepted, obj: models.Model) -> set[Place]:
        """All that an object may be referred to as."""
        found: set[Place] = set()
        for label in accepted.lineage:
            found.add((label, str(getattr(obj, accepted.key.attname))))
            for field in self.referred.get(label, ()):
                found.add(place_of(field.model, field, getattr(obj, field.attname)))
        return found

    def places_of_item(self, item: Item, convert: Converters) -> set[Place]:
        """All that an object may be referred to as, as far as an item tells."""
        found: set[Place] = set()
        for label in item.accepted.lineage:
            found.add((label, item.key))
            for field in self.referred.get(label, ()):
                if field.name in item.fields:
                    values, _ = convert(field, field.name).python([item.fields[field.name]])
                    found.add(place_of(field.model, field, values[0]))
        return found

    def woken(self, places: Iterable[Place]) -> list[Item]:
        """What waited for these, which are here now."""
        rows: list[Awaited] = []
        for label, keys in _by_label(places):
            rows += self._rows(Awaited).filter(target_model=label, target_key__in=keys)
        self.load({(row.model, row.object_pk) for row in rows} - self.held.keys())
        return [*self._held_items(rows), *self._fillings(rows)]

    def _held_items(self, rows: Sequence[Awaited]) -> Iterator[Item]:
        wanted = {(row.model, row.object_pk) for row in rows if row.is_required}
        for place in sorted(wanted & self.held.keys()):
            item = self._of(place, self._arrival(self.held[place]))
            if item is not None:
                yield item

    def _fillings(self, rows: Sequence[Awaited]) -> Iterator[Item]:
        """For each object that is not held back, the references that can be filled in."""
        fields: dict[Place, dict[str, Any]] = {}
        for row in rows:
            if row.is_required or (row.model, row.object_pk) in self.held:
                continue
            accepted = self.acceptance.by_label.get(row.model)
            if accepted is None:
                continue
            key = row.target_key.removeprefix(f"{row.target_field}=")
            some = fields.setdefault((row.model, row.object_pk), {})
            if row.field in accepted.many:
                some.setdefault(row.field, []).append(key)
            else:
                some[row.field] = key
        for place, values in sorted(fields.items()):
            item = self._of(place, Arrival(name=place[0], key=place[1], deletes=False, fields=values))
            if item is not None:
                self.waiting.add(place)
                yield replace(item, fills=True)

    def freed(self, touched: Iterable[Accepted]) -> list[Item]:
        """Deletions that may be possible now that objects of these models refer to something else."""
        targets = {label_of(reference.related_model) for each in touched for reference in each.references}
        labels = [each.label for each in self.acceptance.by_label.values() if targets & {*each.lineage}]
        found: list[Item] = []
        for row in self._rows(HeldBack).filter(deletes=True, model__in=labels) if labels else ():
            place = (row.model, row.object_pk)
            self.held[place] = row
            item = self._of(place, self._arrival(row))
            found += [item] if item else []
        return found

    def holder(self, item: Item, going: set[Place], but: set[Place]) -> Place | None:
        """A received object that refers to this one, and is none of these."""
        for accepted in self.acceptance.by_label.values():
            for reference in accepted.references:
                if label_of(reference.related_model) not in item.accepted.lineage:
                    continue
                rows = accepted.model._base_manager.using(self.using).filter(
                    **{f"{reference.name}__pk": item.value}
                )
                keys = rows.values_list(accepted.key.attname, flat=True)
                for some in _chunks([str(key) for key in keys]):
                    known = self._rows(Received).filter(model=accepted.label, object_pk__in=some)
                    alive = known.filter(received_at__isnull=False, deleted=False)
                    places = {(accepted.label, key) for key in alive.values_list("object_pk", flat=True)}
                    places -= going | but | {item.place}
                    if places:
                        return min(places)
        return None

    # -- tables ------------------------------------------------------------------------------

    def _of(self, place: Place, arrival: Arrival) -> Item | None:
        accepted = self.acceptance.by_label.get(place[0])
        if accepted is None:
            return None  # it is not taken any more
        return self._item(accepted, arrival, accepted.key.to_python(place[1]), place[1])

    def _item(self, accepted: Accepted, arrival: Arrival, value: object, key: str) -> Item:
        from modelsync.push.receiving.binding import fields_of

        item = Item(accepted=accepted, key=key, value=value, arrival=arrival)
        return item.with_fields(fields_of(accepted, arrival))

    def _arrival(self, row: HeldBack) -> Arrival:
        fields = msgspec.json.decode(row.fields)
        return Arrival(
            name=row.model, key=row.object_pk, deletes=row.deletes, fields=fields, is_text=row.is_text
        )

    def _awaited(self, place: Place) -> Iterator[Awaited]:
        if place in self.waiting:
            yield from self._rows(Awaited).filter(model=place[0], object_pk=place[1])

    def _forget(self, place: Place, rows: Sequence[Awaited]) -> None:
        if rows:
            self._rows(Awaited).filter(pk__in=[row.pk for row in rows]).delete()

    def _await(self, item: Item, missing: Sequence[Reference]) -> None:
        if missing:
            self.waiting.add(item.place)
            self._rows(Awaited).bulk_create([_awaited(item, each) for each in missing])

    def _rows(self, table: Any) -> Any:
        return table._base_manager.using(self.using)


def _awaited(item: Item, reference: Reference) -> Awaited:
    label, key = reference.place
    return Awaited(
        model=item.label,
        object_pk=item.key,
        field=reference.name,
        target_model=label,
        target_field=reference.target.name,
        target_key=key,
        is_required=reference.is_required,
    )


def _is_answered(row: Awaited, item: Item) -> bool:
    """Whether an item says anew what a row waits for; a filling says it of the members that it names."""
    given = item.fields[row.field]
    if not item.fills or not isinstance(given, list):
        return True
    return row.target_key.removeprefix(f"{row.target_field}=") in given


def _by_label(places: Iterable[Place]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for label, key in sorted(set(places)):
        found.setdefault(label, []).append(key)
    for label, keys in found.items():
        for some in _chunks(keys):
            yield label, some


def _chunks(keys: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _CHUNK):
        yield keys[start : start + _CHUNK]
