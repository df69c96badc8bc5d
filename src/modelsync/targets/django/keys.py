"""Key mappings of one system and model, read and written in batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db import models

from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.context import Context

T = TypeVar("T")


@dataclass(slots=True)
class KeyRow:
    """One mapping: its own primary key (None while it is not written) and the object's, as text."""

    pk: int | None
    object_id: str


class Keys:
    """The mappings that a group of records may need; writes wait for `flush()`."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.rows: dict[str, KeyRow | None] = {}
        self.changed: dict[str, KeyRow] = {}
        self.written = 0
        self.removed = 0

    def load(self, keys: Iterable[str | None]) -> None:
        """Read the mappings of these keys, whatever was known of them."""
        wanted = sorted({key for key in keys if key})
        self.rows.update(dict.fromkeys(wanted))
        for chunk in chunks(wanted, self.context.chunk):
            found = self._own().filter(external_key__in=chunk)
            for pk, key, object_id in found.values_list("pk", "external_key", "object_id"):
                self.rows[key] = KeyRow(pk, object_id)

    def get(self, key: str | None) -> KeyRow | None:
        """The mapping of a key that was loaded."""
        return self.rows.get(key) if key else None

    def point(self, key: str, object_id: str) -> None:
        """Let the key point to an object from now on."""
        row = self.rows.get(key)
        if row is not None and row.object_id == object_id:
            return
        new = KeyRow(row.pk if row else None, object_id)
        self.rows[key] = self.changed[key] = new
        self.written += 1

    def drop(self, key: str) -> None:
        """Remove the key's mapping, if there is one."""
        row = self.rows.get(key)
        self.rows[key] = None
        pending = self.changed.pop(key, None)
        if row is None:
            return
        if pending is not None:
            self.written -= 1
        if row.pk is not None:
            self._all().filter(pk=row.pk).delete()
            self.removed += 1

    def holders(self, object_id: str) -> list[tuple[int, str]]:
        """(system, key) of every mapping, of any system, that points to an object."""
        self.flush()
        found = self._all().filter(content_type=self.context.content_type, object_id=object_id)
        return list(found.values_list("external_system", "external_key"))

    def flush(self) -> None:
        """Write what waits."""
        new = [(key, row) for key, row in self.changed.items() if row.pk is None]
        old = [(row.pk, row) for row in self.changed.values() if row.pk is not None]
        self.changed = {}
        if new:
            system = self.context.system
            assert system is not None  # records have no keys without a system
            made = self._all().bulk_create(
                [
                    ExternalKeyMapping(
                        content_type_id=self.context.content_type,
                        external_system_id=system,
                        external_key=key,
                        object_id=row.object_id,
                    )
                    for key, row in sorted(new)
                ],
                batch_size=max(1, self.context.chunk // 5),
            )
            if any(mapping.pk is None for mapping in made):
                self.load(key for key, _ in new)
            else:
                for mapping in made:
                    self.rows[mapping.external_key] = KeyRow(mapping.pk, mapping.object_id)
        for pk, row in old:
            self._all().filter(pk=pk).update(object_id=row.object_id)

    def _all(self) -> models.QuerySet[ExternalKeyMapping]:
        return ExternalKeyMapping._base_manager.using(self.context.using)

    def _own(self) -> models.QuerySet[ExternalKeyMapping]:
        return self._all().filter(external_system=self.context.system, content_type=self.context.content_type)


def chunks(values: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    """`values` in pieces of at most `size`."""
    for start in range(0, len(values), size):
        yield values[start : start + size]
