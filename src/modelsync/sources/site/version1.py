"""Version 1 of the pull protocol as batches: the array that Django's JSON serializer writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import cast

from modelsync.core.errors import Permanent
from modelsync.core.records import Batch
from modelsync.sources.site.array import objects
from modelsync.sources.site.blocks import LONGEST
from modelsync.sources.site.piles import Numbering, Run, Shape, batches

#: Objects that are turned into columns at once.
_TURNED = 1_000


class Version1:
    """An array whose first object, if there is one, has been read.

    Raises Permanent for what is no complete array of serialized objects, with the object's number.
    """

    header = None

    def __init__(self, pieces: Iterable[bytes], name: str, *, longest: int = LONGEST) -> None:
        self.name = name
        rest = objects(pieces, name=name, longest=longest)
        self.objects = chain(list(islice(rest, 1)), rest)

    def batches(self, most: int) -> Iterator[Batch]:
        """Consecutive objects of one model with the same fields, at most `most` in one batch."""
        return batches(self._runs(), most, Numbering(name=self.name, unit="object", first=1))

    def _runs(self) -> Iterator[Run]:
        shape: Shape | None = None
        rows: list[list[object]] = []
        for number, found in enumerate(self.objects, 1):
            model, fields = self._parts(found, number)
            row = None if shape is None or shape.model != model else _row(found.get("pk"), fields, shape)
            if row is None or len(rows) == _TURNED:
                if shape is not None and rows:
                    yield shape, rows
                rows = []
            if row is None:
                shape = Shape(model, ("pk", *fields))
                row = [found.get("pk"), *fields.values()]
            rows.append(row)
        if shape is not None and rows:
            yield shape, rows

    def _parts(self, found: dict[str, object], number: int) -> tuple[str, dict[str, object]]:
        """The model and the fields of a serialized object."""
        model, fields = found.get("model"), found.get("fields")
        if (
            isinstance(model, str)
            and model.count(".") == 1
            and isinstance(fields, dict)
            and "pk" not in fields
        ):
            return model.lower(), cast("dict[str, object]", fields)
        raise Permanent(
            f"object {number} of {self.name} is none of Django's serializer, with a model, a pk and fields; "
            f"is that address a route?"
        )


def _row(pk: object, fields: dict[str, object], shape: Shape) -> list[object] | None:
    """The values in the order of the shape; None where the object has other fields."""
    row = [pk, *fields.values()]
    names = shape.columns
    if len(row) != len(names):
        return None
    if all(map(str.__eq__, fields, names[1:])):
        return row
    return [pk, *(fields[name] for name in names[1:])] if fields.keys() == {*names[1:]} else None
