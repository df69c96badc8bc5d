"""Version 1 of the protocol: the JSON array of Django's serializer, a page at a time."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from django.core.serializers.json import Serializer
from django.db import models
from django.db.models.query import Prefetch, prefetch_related_objects
from django.utils.encoding import is_protected_type

from modelsync.serving.arranging import Arrangement
from modelsync.serving.instances import pages_of
from modelsync.serving.layout import Level, Style
from modelsync.serving.snapshot import snapshot

log = logging.getLogger(__name__)


def version1(arrangement: Arrangement, style: Style, path: str) -> Iterator[bytes]:
    """The array, in blocks. Where it fails it raises, so that the connection breaks and the JSON with it."""
    try:
        yield from _blocks(arrangement, style)
    except Exception as error:
        log.error(
            "A stream of a route broke off", extra={"route_path": path, "error_class": type(error).__name__}
        )
        raise


def _blocks(arrangement: Arrangement, style: Style) -> Iterator[bytes]:
    serializer = _Serializer(style)
    between = b"["
    with snapshot(arrangement.aliases):
        for arranged in arrangement.parts:
            for objects in pages_of(arranged.part):
                for placed in arranged.levels:
                    text = serializer.text(_at(placed.level, objects), placed.level)
                    yield between + text.strip()[1:-1].encode()
                    between = b", "
    yield b"[]" if between == b"[" else b"]"


def _at(level: Level, objects: Sequence[models.Model]) -> Sequence[models.Model]:
    """The objects as those of the level's model: themselves, or the parents within them."""
    if all(found._meta.concrete_model is level.model for found in objects):
        return objects
    parents = []
    for found in objects:
        values = {field.attname: getattr(found, field.attname) for field in level.model._meta.concrete_fields}
        parent = level.model(**values)
        parent._state.db, parent._state.adding = found._state.db, found._state.adding
        parents.append(parent)
    return parents


class _Serializer(Serializer):
    """Django's own, but for what is hidden."""

    def __init__(self, style: Style) -> None:
        self.style = style

    def text(self, objects: Sequence[models.Model], level: Level) -> str:
        """The JSON array of these objects."""
        saved = [found for found in objects if found.pk is not None]
        if saved and level.many:
            prefetch_related_objects(saved, *(self._related(field) for field in level.many))
        return str(
            self.serialize(
                objects,
                use_natural_foreign_keys=self.style.natural_foreign,
                use_natural_primary_keys=self.style.natural_primary,
            )
        )

    def _related(self, field: Any) -> Prefetch[Any]:
        target = field.remote_field.model
        rows = target._default_manager.select_related(None)
        rows = rows if rows.ordered else rows.order_by(target._meta.pk.attname)
        natural = self.style.natural_foreign and hasattr(target, "natural_key")
        return Prefetch(field.name, rows if natural else rows.only("pk"))

    def handle_field(self, obj: Any, field: Any) -> None:
        """Leave out what is excluded."""
        if self.style.hiding.shows(field):
            super().handle_field(obj, field)

    def handle_fk_field(self, obj: Any, field: Any) -> None:
        """Leave out what is excluded; a masked reference is no natural key."""
        if self.style.hiding.mask(field) is not None:
            self.handle_field(obj, field)
        elif self.style.hiding.shows(field):
            super().handle_fk_field(obj, field)

    def handle_m2m_field(self, obj: Any, field: Any) -> None:
        """Leave out what is excluded; take what has been prefetched, without a query made in vain."""
        if not self.style.hiding.shows(field):
            return
        fetched = getattr(obj, "_prefetched_objects_cache", {}).get(field.name)
        if fetched is None or (
            self.style.natural_foreign and hasattr(field.remote_field.model, "natural_key")
        ):
            super().handle_m2m_field(obj, field)
        elif field.remote_field.through._meta.auto_created:
            current: Any = self._current
            current[field.name] = [self._value_from_field(found, found._meta.pk) for found in fetched]

    def end_object(self, obj: Any) -> None:
        """Write the object at once: the same text, without the encoder that is written in Python."""
        if not self.first:
            self.stream.write(", ")
        self.stream.write(json.dumps(self.get_dump_object(obj), **self.json_kwargs))
        self._current = None

    def _value_from_field(self, obj: Any, field: Any) -> Any:
        mask = self.style.hiding.mask(field)
        if mask is None:
            return super()._value_from_field(obj, field)  # type: ignore[misc]  # the stubs lack it
        value = field.value_from_object(obj)
        value = None if value is None else mask(value)
        as_it_is = isinstance(value, str | list | dict) or is_protected_type(value)
        return value if as_it_is else str(value)
