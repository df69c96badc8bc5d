"""Version 2 of the pull protocol as batches: whole blocks of lines are decoded at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec

from modelsync.core.errors import Permanent
from modelsync.core.records import Batch
from modelsync.formats import wire
from modelsync.sources.site.blocks import LONGEST, blocks
from modelsync.sources.site.faults import printable
from modelsync.sources.site.piles import Numbering, Run, Shape, batches

#: Rows that are turned into columns at once.
_TURNED: Final = 1_000
_FIRST: Final = itemgetter(0)
_MALFORMED: Final = (msgspec.DecodeError, ValueError, RecursionError)


class Version2:
    """A stream whose header has been read.

    Raises Permanent for what does not keep to the protocol, with the number of the line.
    """

    def __init__(self, pieces: Iterable[bytes], name: str, *, longest: int = LONGEST) -> None:
        self.name = name
        self.blocks = blocks(pieces, name=name, longest=longest)
        line, newline, self.rest = next(self.blocks, b"").partition(b"\n")
        if not newline:
            raise self._cut()
        self.header = read_header(line, name)
        self.shapes = [Shape(model.model, ("pk", *model.fields, *model.many)) for model in self.header.models]
        self._decode = msgspec.json.Decoder().decode_lines
        self._seen = 0
        self.end: wire.End | None = None

    def batches(self, most: int) -> Iterator[Batch]:
        """The objects in batches of one model each, at most `most` in one."""
        return batches(self._runs(), most, Numbering(name=self.name, unit="line", first=2), skip=1)

    def _runs(self) -> Iterator[Run]:
        """Consecutive objects of one model."""
        for rows, line in self._objects():
            for first in range(0, len(rows), _TURNED):
                yield from self._of_one_model(rows[first : first + _TURNED], line + first)

    def _of_one_model(self, rows: list[list[object]], line: int) -> Iterator[Run]:
        if not all(rows):
            raise self._wrong(line + rows.index([]), "is empty")
        for number, run in groupby(rows, _FIRST):
            same = list(run)
            shape = self._shape(number, line)
            width = len(shape.columns) + 1
            if set(map(len, same)) != {width}:
                place, found = next((i, len(row)) for i, row in enumerate(same) if len(row) != width)
                raise self._wrong(
                    line + place,
                    f"has {found} values; those of {shape.model} have {width}, as the header says",
                )
            yield shape, same
            line += len(same)

    def _shape(self, number: object, line: int) -> Shape:
        if type(number) is int and 0 <= number < len(self.shapes):
            return self.shapes[number]
        raise self._wrong(
            line, f"is of model number {number!r:.20}; the header has {len(self.shapes)} models"
        )

    def _objects(self) -> Iterator[tuple[list[list[object]], int]]:
        """The objects of each block, and the line of the first one."""
        if self.rest:
            yield self._read(self.rest), 2
            self.rest = b""
        for block in self.blocks:
            line = self._seen + 2
            yield self._read(block), line
        if self.end is None:
            raise self._cut()

    def _read(self, block: bytes) -> list[list[object]]:
        """The objects of a block; takes note of the end when it is in there."""
        if self.end is not None:
            raise self._after_the_end()
        values = self._values(block)
        ended = set(map(type, values)) != {list}
        if ended:
            place = next(i for i, value in enumerate(values) if type(value) is not list)
            self._end(values[place], self._seen + place)
            if place + 1 < len(values):
                raise self._after_the_end()
            del values[place:]
        self._seen += len(values)
        return values

    def _values(self, block: bytes) -> list[Any]:
        if not block.endswith(b"\n"):
            raise self._cut()
        try:
            values = self._decode(block)
        except _MALFORMED:
            values = []
        if len(values) != block.count(b"\n"):
            raise self._malformed(block)
        return values

    def _end(self, value: object, seen: int) -> None:
        """Check the last line. Raises Permanent where it says that something went wrong."""
        if isinstance(value, dict) and "error" in value:
            raise Permanent(f"{self.name} could not finish: {printable(str(value['error']), 300)}")
        try:
            end = msgspec.convert(value, wire.End)
        except msgspec.ValidationError as error:
            raise self._wrong(seen + 2, f"is neither an object nor the end ({error})") from error
        expected = self.header.count
        if not end.end or end.count != seen or expected not in (None, seen):
            counts = f"{end.count}" if expected in (None, end.count) else f"{expected} and {end.count}"
            raise Permanent(
                f"{self.name} sent {seen} objects but counted {counts}; it is not the whole, pull again"
            )
        self.end = end

    def _malformed(self, block: bytes) -> Permanent:
        """The error for the first line of a block that is not one JSON value."""
        for place, line in enumerate(block.split(b"\n")[:-1], self._seen + 2):
            try:
                values = self._decode(line)
            except _MALFORMED as error:
                return self._wrong(place, f"is no JSON: {error}")
            if len(values) != 1:
                return self._wrong(place, f"holds {len(values)} values, not one")
        return self._wrong(self._seen + 2, "or one after it is not one JSON value")

    def _wrong(self, line: int, why: str) -> Permanent:
        return Permanent(f"line {line} of {self.name} {why}")

    def _cut(self) -> Permanent:
        return Permanent(f"{self.name} was cut off, its last line is missing; pull again")

    def _after_the_end(self) -> Permanent:
        return Permanent(f"{self.name} goes on after its end; that is no answer of a route")


def read_header(line: bytes, name: str) -> wire.Header:
    """The first line. Raises Permanent for another version, for an error, and for what is no header."""
    try:
        first = msgspec.json.decode(line)
        if isinstance(first, dict) and "error" in first:
            raise Permanent(f"{name} could not begin: {printable(str(first['error']), 300)}")
        version = first.get("modelsync") if isinstance(first, dict) else None
        if type(version) is int and version != wire.VERSION:
            raise Permanent(
                f"{name} speaks version {version} of the protocol, this is version {wire.VERSION}; "
                f"update the older of the two"
            )
        header = msgspec.convert(first, wire.Header)
    except _MALFORMED as error:
        raise Permanent(f"{name} does not begin with a header ({error}); is that address a route?") from error
    _check(header, name)
    return header


def _check(header: wire.Header, name: str) -> None:
    labels = [model.model for model in header.models]
    names = [("pk", *model.fields, *model.many) for model in header.models]
    for each in (labels, *names):
        if len(set(each)) != len(each):
            double = next(word for word in each if list(each).count(word) > 1)
            raise Permanent(f"the header of {name} names {double!r} twice")
