"""What comes in: records, their actions and match expressions, and the batches that carry them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, Flag, auto
from typing import Final, Protocol, TypeVar, overload

from modelsync.core.errors import RecordError

T = TypeVar("T")


class Action(Flag):
    """What a record asks for. FORCE modifies UPDATE and DELETE; CREATE is always forced."""

    NONE = 0
    CREATE = auto()
    UPDATE = auto()
    DELETE = auto()
    FORCE = auto()

    @classmethod
    def parse(cls, text: str) -> Action:
        """Read action flags such as `cu*`, in either case.

        Returns Action.NONE for a blank text. Raises RecordError for a letter that is no flag and for
        a delete that is combined with a create or an update.
        """
        action = cls.NONE
        for letter in text.strip():
            try:
                action |= _LETTERS[letter.lower()]
            except KeyError:
                raise RecordError(
                    f"action flag {letter!r} is unknown; the flags are c, u, d and *",
                    column="action_flags",
                    value=text,
                ) from None
        if cls.DELETE in action and action & (cls.CREATE | cls.UPDATE):
            raise RecordError(
                f"{text.strip()!r} asks to delete and to "
                f"{'create' if cls.CREATE in action else 'update'} the same object; "
                f"split it into two rows or drop one of the flags",
                column="action_flags",
                value=text,
            )
        return action

    def __str__(self) -> str:
        return "".join(letter for letter, flag in _LETTERS.items() if flag in self)


_LETTERS: Final = {
    "c": Action.CREATE,
    "u": Action.UPDATE,
    "d": Action.DELETE,
    "*": Action.FORCE,
}
#: What a record can ask for; force only says how.
EVERYTHING: Final = Action.CREATE | Action.UPDATE | Action.DELETE


def translate(actions: Sequence[Action], function: Callable[[Action], T]) -> list[T]:
    """`function` of each action, worked out once per distinct one.

    Actions are told apart by identity, which they have by being flags: their hash is slow.
    """
    first = actions[0] if actions else Action.NONE
    if actions.count(first) == len(actions):
        return [function(first)] * len(actions)
    known = {number: function(action) for number, action in {id(a): a for a in actions}.items()}
    return list(map(known.__getitem__, map(id, actions)))


@dataclass(frozen=True, slots=True)
class Match:
    """The expression that finds a record's object: names and the operators `| & ~`, in postfix order.

    Names without operators are ANDed, as django-nsync documents it.
    """

    tokens: tuple[str, ...] = ()

    OPERATORS = frozenset("|&~")

    @classmethod
    def parse(cls, text: str) -> Match:
        """Read an expression; raises RecordError when its operators and names do not fit together."""
        match = cls(tuple(text.split()))
        if match.tokens:
            match.fold(bool, lambda a, _b: a, lambda a, _b: a, lambda a: a)
        return match

    @property
    def names(self) -> tuple[str, ...]:
        """The field names in it, in order, each once."""
        return tuple(dict.fromkeys(part for part in self.tokens if part not in self.OPERATORS))

    @property
    def is_conjunction(self) -> bool:
        """Whether all its names must match: nothing but ANDs."""
        return not {"|", "~"} & set(self.tokens)

    def __str__(self) -> str:
        return " ".join(self.tokens)

    def fold(
        self,
        name: Callable[[str], T],
        both: Callable[[T, T], T],
        either: Callable[[T, T], T],
        negate: Callable[[T], T],
    ) -> T:
        """Evaluate the expression bottom up, with what each name and each operator stands for."""
        stack: list[T] = []
        for part in self.tokens:
            if part not in self.OPERATORS:
                stack.append(name(part))
                continue
            if len(stack) < (1 if part == "~" else 2):
                raise self._unusable(
                    f"has too few names before {part!r}; operators follow their operands, as in 'name code |'"
                )
            last = stack.pop()
            if part == "~":
                stack.append(negate(last))
            else:
                stack.append((both if part == "&" else either)(stack.pop(), last))
        if len(stack) > 1 and self.OPERATORS & set(self.tokens):
            raise self._unusable("has too few operators; join its parts with & or |")
        result = stack.pop(0)
        for operand in stack:
            result = both(result, operand)
        return result

    def _unusable(self, why: str) -> RecordError:
        return RecordError(f"match_on {str(self)!r} {why}", column="match_on", value=str(self))


class Omitted(Enum):
    """The value of a cell that the source did not send; never written."""

    OMITTED = "omitted"

    def __repr__(self) -> str:
        return "OMITTED"


OMITTED: Final = Omitted.OMITTED


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a person finds a record again: a file or address, and the line, row or index in it."""

    source: str
    place: int | None = None
    unit: str = "line"

    def __str__(self) -> str:
        if self.place is None:
            return self.source
        # After an address, a colon and a number would look like a part of it.
        between = f", {self.unit} " if "://" in self.source else ":"
        return f"{self.source}{between}{self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One incoming row, taken out of its batch."""

    fields: Mapping[str, object]
    actions: Action = Action.CREATE | Action.UPDATE
    match_on: Match = field(default_factory=Match)
    key: str | None = None
    origin: Origin | None = None


#: A source's own position, plain JSON values only, so that it can be stored.
Cursor = Mapping[str, object]


class Places(Protocol):
    """Finds the origin of a batch's rows; asked only when somebody wants to read it."""

    def __call__(self, index: int) -> Origin:
        """The origin of the row at `index` of the batch, counted from 0."""


class ByColumn(Sequence[Sequence[object]]):
    """Rows that are kept column by column: `columns[j][i]` is cell j of row i."""

    def __init__(self, width: int) -> None:
        self.columns: list[list[object]] = [[] for _ in range(width)]

    def extend(self, rows: Sequence[Sequence[object]]) -> None:
        """Add rows, all of them as wide as these."""
        for column, cells in zip(self.columns, zip(*rows, strict=True), strict=False):
            column.extend(cells)

    def __len__(self) -> int:
        return len(self.columns[0])

    @overload
    def __getitem__(self, index: int) -> Sequence[object]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[object]]: ...

    def __getitem__(self, index: int | slice) -> Sequence[object] | Sequence[Sequence[object]]:
        if isinstance(index, slice):
            return list(zip(*(column[index] for column in self.columns), strict=True))
        return tuple(column[index] for column in self.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive records of one shape: all rows have the same columns, in the same order.

    A cell is what the source gave, or OMITTED: `is_text` says that all cells are text, as in CSV,
    otherwise they are typed values. The rows have the ordinals `start`, `start + 1` and so on; rows
    that the source could not read are in `broken` and come after them.
    """

    columns: tuple[str, ...]
    rows: Sequence[Sequence[object]]
    start: int
    places: Places
    after: Cursor | None = None
    model: str | None = None
    system: str | None = None
    broken: Sequence[Broken] = ()
    is_text: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, index: int) -> Sequence[object]:
        """All cells of a column; not to be changed."""
        if isinstance(self.rows, ByColumn):
            return self.rows.columns[index]
        return [row[index] for row in self.rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A row that the source could not turn into a record, in the order of the input.

    `number` is its ordinal in the input, `raw` the row as it came.
    """

    number: int
    origin: Origin
    reason: str
    raw: Sequence[object] = ()
