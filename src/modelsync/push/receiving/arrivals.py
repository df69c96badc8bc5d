"""What arrives, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from uuid import UUID

from modelsync.push.receiving.accepting import Accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The state of one object, as another site sends it.

    `name` is what that site calls the model, `key` the primary key as it was sent. On version 2 the `epoch`
    tells which row of versions `version` is of; on version 1 there is none, `version` is the object's own, if
    it has one, and `creation` tells lives of one object apart. `is_text` says that values of JSON fields are
    texts that hold JSON.
    """

    name: str
    key: object
    deletes: bool
    fields: Mapping[str, object]
    version: int | None = None
    epoch: UUID | None = None
    creation: datetime | None = None
    is_text: bool = False


class Status(Enum):
    """What became of an arrival."""

    OK = "ok"
    STALE = "stale"
    IGNORED = "ignored"
    REJECTED = "rejected"
    UNREADY = "unready"  # what it refers to is not here, and nothing here can wait for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one arrival, and why."""

    status: Status
    error: str = ""


OK = Result(status=Status.OK)
STALE = Result(status=Status.STALE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """An arrival for a model here. `key` is the primary key as text, as this database has it.

    Of what was held back, and of references that are filled in, nobody waits for an answer: `number` is None.
    Where `fills`, only references are added that were missing when the object came.
    """

    accepted: Accepted
    key: str
    value: object
    arrival: Arrival
    number: int | None = None
    fills: bool = False
    fields: Mapping[str, object] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The label of the model here."""
        return self.accepted.label

    @property
    def place(self) -> tuple[str, str]:
        """What tells objects apart."""
        return self.accepted.label, self.key

    @property
    def deletes(self) -> bool:
        """Whether the object is to go; where it stays as inactive, it is not."""
        return self.arrival.deletes and not self.accepted.keeps_deleted

    def with_fields(self, fields: Mapping[str, object]) -> Item:
        """The item with these values instead."""
        return replace(self, fields=fields)
