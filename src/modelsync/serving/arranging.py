"""In which order what a view serves is sent, and with which levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models

from modelsync.formats.wire import Header, ModelHeader, make_header
from modelsync.serving.instances import InstanceReader
from modelsync.serving.layout import Style, make_level, parents_of
from modelsync.serving.lines import Placed
from modelsync.serving.parts import Part, has_own_prefetch
from modelsync.serving.tables import TableReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """A part with the levels that are sent of it, those of its parents first."""

    part: Part
    levels: tuple[Placed, ...]

    def count(self) -> int:
        """How many lines it gives."""
        return self.part.count() * len(self.levels)

    def reader(self, style: Style) -> TableReader | InstanceReader:
        """The quickest reader that can read it."""
        queryset = self.part.queryset
        needs = any(placed.level.needs_instances for placed in self.levels)
        if queryset is None or needs or has_own_prefetch(queryset):
            return InstanceReader(self.part, self.levels, style)
        return TableReader(self.part, self.levels, style)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """All parts, and the models that they hold in the order in which they begin."""

    parts: tuple[Arranged, ...]
    models: tuple[ModelHeader, ...]

    @property
    def aliases(self) -> tuple[str, ...]:
        """The databases that are read."""
        return tuple(dict.fromkeys(arranged.part.using for arranged in self.parts))

    def header(self) -> Header:
        """The first line of version 2; counts."""
        return make_header(self.models, sum(arranged.count() for arranged in self.parts))


def arrange(parts: Sequence[Part], style: Style) -> Arrangement:
    """Give each part its levels: its model's, and those of the parents that are not sent before it."""
    served = {part.concrete for part in parts}
    whole: set[tuple[str, type[models.Model]]] = set()
    places: dict[type[models.Model], Placed] = {}
    arranged = []
    for part in parts:
        parents = [parent for parent in parents_of(part.concrete) if (part.using, parent) not in whole]
        levels = []
        for model in (*parents, part.concrete):
            if model not in places:
                places[model] = Placed(place=len(places), level=make_level(model, style))
            levels.append(places[model])
        arranged.append(Arranged(part=part, levels=tuple(levels)))
        if part.is_whole:
            whole.add((part.using, part.concrete))
    headers = (placed.level.header(implied=model not in served) for model, placed in places.items())
    return Arrangement(parts=tuple(arranged), models=tuple(headers))
