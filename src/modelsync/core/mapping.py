"""The mapping of a batch: which columns are data, and which say what to do with their row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final, Protocol, TypeVar

from modelsync.core.errors import ConfigurationError, RecordError
from modelsync.core.ports import Group
from modelsync.core.records import EVERYTHING, OMITTED, Action, Batch, Match, translate

ACTION_FLAGS: Final = "action_flags"
MATCH_ON: Final = "match_on"
EXTERNAL_KEY: Final = "external_key"
#: What `--rejects` adds to a refused row; ignored when the mended file comes back.
REASON_COLUMNS: Final = ("_error_column", "_error", "_origin", "_more")

T = TypeVar("T")


class Grouping(Protocol):
    """Says of the records of a batch what they ask for."""

    def groups(
        self, batch: Batch, allow: Action, refuse: Callable[[int, RecordError | None, str], None]
    ) -> Iterator[Group]:
        """The batch in groups, with each record's actions limited to `allow`.

        `refuse(number, error, reason)` is called for each record that takes no part: with an error
        for a rejection, with None and a reason for a skip.
        """

    def keys(self, batch: Batch) -> Sequence[str | None]:
        """The external key of each row; None where there is none."""


@dataclass(frozen=True, slots=True)
class WholeBatch:
    """All records of a batch ask for the same, and every column is data: as another Django sends them."""

    actions: Action = Action.CREATE | Action.UPDATE | Action.FORCE

    def groups(
        self, batch: Batch, allow: Action, refuse: Callable[[int, RecordError | None, str], None]
    ) -> Iterator[Group]:
        """The whole batch as one group."""
        if not batch.rows:
            return
        yield Group(
            batch=batch,
            columns=batch.columns,
            cells=tuple(batch.column(index) for index, _ in enumerate(batch.columns)),
            actions=[self.actions & allow] * len(batch),
            keys=self.keys(batch),
            numbers=range(batch.start, batch.start + len(batch)),
            match=Match(("pk",)),
        )

    def keys(self, batch: Batch) -> Sequence[str | None]:
        """Nobody has external keys."""
        return [None] * len(batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMapping:
    """How to read a source's columns.

    A row's own `action_flags` and `match_on` win over `actions` and `match_on` here, which serve
    sources that have no such columns. `rename` maps the source's columns to the model's.
    """

    match_on: Match = field(default_factory=Match)
    actions: Action = Action.CREATE | Action.UPDATE
    key_column: str = EXTERNAL_KEY
    rename: Mapping[str, str] = field(default_factory=dict)
    has_system: bool = True

    def check(self, columns: Sequence[str]) -> None:
        """Raise ConfigurationError for a header that cannot work, before any row is read."""
        missing = [name for name in self.rename if name not in columns]
        if missing:
            raise ConfigurationError(
                f"there is no column {missing[0]!r} to map; the columns are {', '.join(columns)}"
            )
        if self.key_column != EXTERNAL_KEY and self.key_column not in columns:
            raise ConfigurationError(
                f"there is no key column {self.key_column!r}; the columns are {', '.join(columns)}"
            )
        names = self.data_columns(columns)
        doubled = [name for name in names if names.count(name) > 1]
        if doubled:
            raise ConfigurationError(f"two columns give {doubled[0]!r}; leave one out or map it elsewhere")
        if MATCH_ON in columns:
            return
        unknown = [name for name in self.match_on.names if name not in names]
        if unknown:
            raise ConfigurationError(
                f"match_on names {unknown[0]!r}, which is no column; the columns are {', '.join(names)}"
            )
        if not self.match_on.tokens and not (self.has_system and self.key_column in columns):
            raise ConfigurationError(
                "nothing says how to find a row's object: add a match_on column, name the fields with "
                "--match-on, or name the column of the external key with --key-column"
            )

    def data_columns(self, columns: Sequence[str]) -> list[str]:
        """The model's names of the columns that are data, in order."""
        return [self.rename.get(c, c) for c in columns if self._is_data(c)]

    def _is_data(self, column: str) -> bool:
        if column in self.rename:
            return True
        special = {ACTION_FLAGS, MATCH_ON, EXTERNAL_KEY, *REASON_COLUMNS}
        return column not in special

    def groups(
        self, batch: Batch, allow: Action, refuse: Callable[[int, RecordError | None, str], None]
    ) -> Iterator[Group]:
        """Split a batch into groups, with each record's actions limited to `allow`.

        `refuse(number, error, reason)` is called for each record that takes no part: with an error
        for a rejection, with None and a reason for a skip.
        """
        if not batch.rows:
            return
        wanted = self._actions(batch, refuse)
        data = [(i, self.rename.get(c, c)) for i, c in enumerate(batch.columns) if self._is_data(c)]
        whole = Group(
            batch=batch,
            columns=tuple(name for _, name in data),
            cells=tuple(batch.column(i) for i, _ in data),
            actions=translate(wanted, lambda a: a & allow if a & allow & EVERYTHING else Action.NONE),
            keys=self.keys(batch),
            numbers=range(batch.start, batch.start + len(batch.rows)),
            match=self.match_on,
        )
        idle = Action.NONE in whole.actions
        for match, positions in self._matches(batch, wanted, refuse):
            taken = [p for p in positions if whole.actions[p]] if idle else positions
            if len(taken) == len(batch.rows):
                yield replace(whole, match=match)
            elif taken:
                yield replace(whole.take(taken), match=match)

    def _actions(self, batch: Batch, refuse: Callable[[int, RecordError | None, str], None]) -> list[Action]:
        """Each row's actions; NONE for a row that has none or bad ones."""
        if ACTION_FLAGS not in batch.columns:
            return [self.actions] * len(batch.rows)
        index = batch.columns.index(ACTION_FLAGS)

        def read(cell: object) -> Action | RecordError:
            try:
                return Action.parse(_text(cell))
            except RecordError as error:
                return error

        result: list[Action] = []
        for position, action in enumerate(_each(read, batch.column(index))):
            if isinstance(action, RecordError):
                refuse(batch.start + position, action, action.reason)
                result.append(Action.NONE)
                continue
            if not action & EVERYTHING:
                refuse(batch.start + position, None, "it has no action flag; write c, u or d")
            result.append(action)
        return result

    def _matches(
        self,
        batch: Batch,
        wanted: Sequence[Action],
        refuse: Callable[[int, RecordError | None, str], None],
    ) -> Iterator[tuple[Match, Sequence[int]]]:
        """The match expressions of the rows, each with a run of positions that have it."""
        found = self._expressions(batch)
        if found.count(found[0]) == len(found) and isinstance(found[0], Match):
            yield found[0], range(len(found))
            return
        for match, run in groupby(range(len(found)), key=found.__getitem__):
            positions = list(run)
            if isinstance(match, Match):
                yield match, positions
                continue
            for position in positions:
                if wanted[position] & EVERYTHING:
                    refuse(batch.start + position, match, match.reason)

    def _expressions(self, batch: Batch) -> list[Match | RecordError]:
        """What each row is matched on, or why it cannot be."""
        names = set(self.data_columns(batch.columns))

        def usable(match: Match) -> Match | RecordError:
            unknown = [name for name in match.names if name not in names]
            if not unknown:
                return match
            reason = f"match_on names {unknown[0]!r}, which is no column of this row"
            return RecordError(reason, column=MATCH_ON, value=str(match))

        def read(cell: object) -> Match | RecordError:
            text = _text(cell)
            try:
                return usable(Match.parse(text) if text.strip() else self.match_on)
            except RecordError as error:
                return error

        if MATCH_ON not in batch.columns:
            return [usable(self.match_on)] * len(batch.rows)
        index = batch.columns.index(MATCH_ON)
        return _each(read, batch.column(index))

    def keys(self, batch: Batch) -> list[str | None]:
        """The external key of each row; None where there is none."""
        if not self.has_system or self.key_column not in batch.columns:
            return [None] * len(batch.rows)
        index = batch.columns.index(self.key_column)
        cells = batch.column(index)
        texts = cells if set(map(type, cells)) <= {str} else list(map(_text, cells))
        joined = "".join(texts)  # type: ignore[arg-type]  # texts by now
        if "" not in texts and joined.split() == [joined]:
            return texts  # type: ignore[return-value]  # no white space anywhere
        return [text.strip() or None for text in texts]  # type: ignore[attr-defined]  # texts by now


def _text(cell: object) -> str:
    if isinstance(cell, str):
        return cell
    return "" if cell is None or cell is OMITTED else str(cell)


def _each(read: Callable[[object], T], cells: Sequence[object]) -> list[T]:
    """`read` of every cell, worked out once per distinct one."""
    try:
        known = {cell: read(cell) for cell in set(cells)}
    except TypeError:
        return [read(cell) for cell in cells]
    return [known[cell] for cell in cells]
