"""Version 2 of the wire: signed requests of up to a hundred changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from modelsync.push.receiving.arrivals import Arrival, Result
from modelsync.push.receiving.malformed import Malformed, TooMany, decode

#: Changes of a request.
MOST: Final = 100
_HIGHEST: Final = 2**63 - 1
_Version = Annotated[int, msgspec.Meta(ge=1, le=_HIGHEST)]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """The newest state of one object."""

    model: str
    pk: str | int
    version: _Version
    op: Literal["upsert", "delete"]
    schema: str | None = None
    fields: dict[str, Any] | None = None
    changed_at: str | None = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request. `complete` are models of which everything was sent in this epoch."""

    epoch: UUID
    changes: list[Change]
    complete: list[str] = []


def read(body: bytes) -> Body:
    """What a body says; raises Malformed, or TooMany."""
    said = decode(body)
    if isinstance(said, dict) and isinstance(said.get("changes"), list) and len(said["changes"]) > MOST:
        raise TooMany(f"a request may have {MOST} changes, this one has {len(said['changes'])}")
    try:
        found = msgspec.convert(said, Body)
    except msgspec.ValidationError as error:
        raise Malformed(str(error)) from error
    for index, change in enumerate(found.changes):
        if change.op == "upsert" and change.fields is None:
            raise Malformed(f"Object missing required field `fields` - at `$.changes[{index}]`")
    return found


def arrivals(body: Body) -> list[Arrival]:
    """The changes as arrivals."""
    return [
        Arrival(
            name=change.model,
            key=change.pk,
            deletes=change.op == "delete",
            fields=change.fields or {},
            version=change.version,
            epoch=body.epoch,
            is_text=True,
        )
        for change in body.changes
    ]


def answer(body: Body, results: Sequence[Result]) -> dict[str, Any]:
    """The body of the answer: a result for each change."""
    return {
        "results": [
            {
                "model": change.model,
                "pk": change.pk,
                "version": change.version,
                "status": result.status.value,
                "error": result.error or None,
            }
            for change, result in zip(body.changes, results, strict=True)
        ]
    }
