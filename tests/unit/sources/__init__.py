"""Streams of both versions of the pull protocol, as bytes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from modelsync.core.records import Batch
from modelsync.formats import wire

MODELS = (
    wire.ModelHeader(model="blog.blog", fields=("name",)),
    wire.ModelHeader(model="blog.post", fields=("title", "blog"), many=("tags",)),
)
OBJECTS: list[list[Any]] = [
    [0, 1, "Blog\n"],
    [0, 2, "Käse 🐘"],
    [1, 7, "One", 1, [1, 2]],
    [1, 8, None, 2, []],
    [0, 3, "x"],
]


def lines(objects: Iterable[object], *, count: int | None = None, models: Any = MODELS) -> list[bytes]:
    """A stream of version 2, with `count` in its header."""
    objects = list(objects)
    return [
        wire.encode_line(wire.make_header(models, count)),
        *(json.dumps(each, ensure_ascii=False).encode() + b"\n" for each in objects),
        wire.encode_line(wire.End(count=len(objects))),
    ]


def stream(objects: Iterable[object] = OBJECTS, **said: Any) -> bytes:
    """The same as one text."""
    return b"".join(lines(objects, **said))


def array(objects: Iterable[Sequence[Any]] = OBJECTS, models: Sequence[wire.ModelHeader] = MODELS) -> bytes:
    """The same objects as version 1 has them."""
    return json.dumps(
        [
            {
                "model": models[number].model,
                "pk": pk,
                "fields": dict(
                    zip((*models[number].fields, *models[number].many), values, strict=True),
                ),
            }
            for number, pk, *values in objects
        ],
        ensure_ascii=False,
    ).encode()


def pieces(content: bytes, places: Iterable[int]) -> Iterator[bytes]:
    """The content, taken apart at these places; some pieces may be empty."""
    edges = [0, *sorted(places), len(content)]
    return (content[start:stop] for start, stop in pairwise(edges))


def told(batches: Iterable[Batch]) -> list[tuple[object, ...]]:
    """All that batches say."""
    return [
        (b.model, b.columns, b.start, b.is_text, [tuple(row) for row in b.rows], str(b.places(0)), b.after)
        for b in batches
    ]
