"""Passes over the input, and the tally of what became of each record in them."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from modelsync.core.records import EVERYTHING, Action, Record
from modelsync.core.results import Outcome


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over the input: the actions that it does, for the records that `where` takes.

    Each action of a record is done in the first pass that takes it.
    """

    actions: Action = EVERYTHING
    where: Callable[[Record], bool] | None = None

    def __repr__(self) -> str:
        """The same in every process."""
        where = getattr(self.where, "__qualname__", "") if self.where else ""
        return f"Pass({self.actions}{f', where={where}' if where else ''})"


#: Which of two outcomes of one record says more, the later the more.
_WEIGHT: Final = {
    outcome: weight
    for weight, outcome in enumerate(
        (
            Outcome.UNCHANGED,
            Outcome.SKIPPED,
            Outcome.UPDATED,
            Outcome.DELETED,
            Outcome.CREATED,
            Outcome.REJECTED,
        ),
        start=1,
    )
}
LATE: Final = 1
POSTPONED: Final = 2


class Tally:
    """One byte of outcome and one of flags per record, whatever the number of passes."""

    def __init__(self) -> None:
        self.outcomes = bytearray()
        self.flags = bytearray()

    def grow(self, size: int) -> None:
        """Make room for `size` records."""
        more = size - len(self.outcomes)
        if more > 0:
            self.outcomes.extend(bytes(more))
            self.flags.extend(bytes(more))

    def merge(self, numbers: Sequence[int], outcomes: bytes | bytearray) -> None:
        """Note outcomes; where a record has one already, the one that says more stays."""
        first, last = numbers[0], numbers[-1]
        self.grow(last + 1)
        if last - first + 1 == len(numbers) and not any(self.outcomes[first : last + 1]):
            self.outcomes[first : last + 1] = outcomes
            return
        for number, outcome in zip(numbers, outcomes, strict=True):
            old = self.outcomes[number]
            if outcome and (not old or _WEIGHT[Outcome(outcome)] > _WEIGHT[Outcome(old)]):
                self.outcomes[number] = outcome

    def set(self, number: int, outcome: Outcome) -> bool:
        """Note one outcome; False when the record had it already."""
        self.grow(number + 1)
        if self.outcomes[number] == outcome:
            return False
        self.merge([number], bytes([outcome]))
        return True

    def is_rejected(self, number: int) -> bool:
        """Whether the record was refused before."""
        return number < len(self.outcomes) and self.outcomes[number] == Outcome.REJECTED

    def flag(self, number: int, flag: int) -> None:
        """Mark a record LATE or POSTPONED."""
        self.grow(number + 1)
        self.flags[number] |= flag

    def clear(self, number: int, flag: int) -> None:
        """Take the mark away."""
        self.flags[number] &= ~flag

    def flagged(self, flag: int) -> Iterator[int]:
        """The ordinals with this mark, rising."""
        if not any(self.flags):
            return
        for number, flags in enumerate(self.flags):
            if flags & flag:
                yield number

    def counts(self) -> dict[Outcome, int]:
        """Records per outcome."""
        return {outcome: self.outcomes.count(outcome) for outcome in Outcome}

    def dump(self) -> dict[str, str]:
        """The tally as JSON values, for a checkpoint."""
        return {"outcomes": _pack(self.outcomes), "flags": _pack(self.flags)}

    @classmethod
    def load(cls, kept: dict[str, str]) -> Tally:
        """The tally that `dump` gave."""
        tally = cls()
        tally.outcomes = _unpack(kept["outcomes"])
        tally.flags = _unpack(kept["flags"])
        return tally


def _pack(values: bytearray) -> str:
    return base64.b64encode(zlib.compress(bytes(values), 1)).decode("ascii")


def _unpack(text: str) -> bytearray:
    return bytearray(zlib.decompress(base64.b64decode(text)))
