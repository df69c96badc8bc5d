"""Chunks of a table as batches of the engine: ordinals, origins, cursors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelsync.core.errors import ConfigurationError
from modelsync.core.records import Batch, Broken, Cursor, Origin
from modelsync.formats.table import Chunk

DEFAULT_ROWS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What a source says of all its batches: its name, and where its records go."""

    name: str
    model: str | None = None
    system: str | None = None


def batches(
    chunks: Iterable[Chunk], labels: Labels, *, unit: str, is_text: bool, seal: str, after: Cursor | None
) -> Iterator[Batch]:
    """Batches of the chunks that come after a cursor.

    A cursor is the number of records before it and the `seal`, which tells whether the content is
    still the same; raises ConfigurationError when it is not.
    """
    skip = _records_before(after, seal, labels.name)
    done = 0
    for chunk in chunks:
        start, done = done, done + len(chunk.rows) + len(chunk.faults)
        if done <= skip:
            continue
        if start < skip:
            raise ConfigurationError(
                f"{labels.name} cannot be resumed in the middle of a batch; use the same batch size as before"
            )
        yield _batch(chunk, labels, unit=unit, is_text=is_text, start=start, seal=seal)


def _records_before(after: Cursor | None, seal: str, name: str) -> int:
    if after is None:
        return 0
    if after.get("seal") != seal:
        raise ConfigurationError(
            f"{name} has changed since the run that is to be resumed; start again without --resume"
        )
    return int(str(after["records"]))


def _batch(chunk: Chunk, labels: Labels, *, unit: str, is_text: bool, start: int, seal: str) -> Batch:
    first_broken = start + len(chunk.rows)
    return Batch(
        columns=chunk.columns,
        rows=chunk.rows,
        start=start,
        places=lambda index: Origin(labels.name, chunk.place(index), unit),
        after={"records": first_broken + len(chunk.faults), "seal": seal},
        model=labels.model,
        system=labels.system,
        broken=[
            Broken(
                number=number,
                origin=Origin(labels.name, fault.place, unit),
                reason=fault.reason,
                raw=fault.raw,
            )
            for number, fault in enumerate(chunk.faults, first_broken)
        ],
        is_text=is_text,
    )
