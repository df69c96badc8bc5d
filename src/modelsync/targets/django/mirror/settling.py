"""The end of the input: compare, delete, write, check, and say what became of each record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, models, transaction

from modelsync.core.errors import ConflictError, GuardError
from modelsync.core.ports import Settled
from modelsync.core.results import Change, Notice, Outcome, Rejection
from modelsync.spooling import spooling
from modelsync.targets.django.mirror.checking import Checking
from modelsync.targets.django.mirror.deletes import Deletes
from modelsync.targets.django.mirror.difference import Act, Difference
from modelsync.targets.django.mirror.keying import Keying
from modelsync.targets.django.mirror.natural import Naming, in_order
from modelsync.targets.django.mirror.sheet import Sheet
from modelsync.targets.django.mirror.signalling import Signalling
from modelsync.targets.django.mirror.writing import Writing
from modelsync.targets.django.sql import Dialect

if TYPE_CHECKING:
    from modelsync.targets.django.mirror.target import MirrorOptions

#: Records that are told of at a time.
_TOLD = 10_000
OUTCOMES = {Act.CREATE: Outcome.CREATED, Act.UPDATE: Outcome.UPDATED, Act.RELATE: Outcome.UPDATED}


class Settling:
    """Takes the staged sheets to the tables."""

    def __init__(
        self, sheets: Sequence[Sheet], options: MirrorOptions, dialect: Dialect, cursor: Any
    ) -> None:
        self.sheets = in_order(sheets)
        self.options = options
        self.dialect = dialect
        self.cursor = cursor
        # A dry run calls no user code.
        self.signalling = None if options.dry_run else Signalling(dialect, cursor, options.using)
        self.differences = [Difference(sheet, dialect) for sheet in self.sheets]
        by_model = {sheet.model: sheet for sheet in self.sheets}
        self.namings = {
            model: Naming(sheet, by_model, dialect, cursor, options.using)
            for model, sheet in by_model.items()
        }
        self.acts: dict[type[models.Model], dict[int, int]] = {}
        self.removed = 0
        self.changes: list[Change] = []
        self.rejections: list[Rejection] = []
        self.skips: list[Notice] = []
        self.gone: frozenset[type[models.Model]] = frozenset()

    def settle(self) -> None:
        """Delete what goes, write model by model, then check what names what."""
        keying = Keying(self.sheets, self.namings, self.dialect, self.cursor, self.options.using)
        self.rejections += keying.give()
        for difference in self.differences:
            self._prepare(difference)
        if self.options.clean:
            self._delete()
        for difference in self.differences:
            self._compare(difference)
            self._write(difference)
        for difference in self.differences:
            if difference.sheet.many and self.acts[difference.sheet.model]:
                self._relate(difference)
        for difference in self.differences:
            self.rejections += self._checking(difference).dangling(self.gone)
        if self.options.reset and not self.options.dry_run:
            for sheet in self.sheets:
                if isinstance(sheet.pk, models.AutoField):
                    self.dialect.advance_sequence(self.cursor, sheet.model)

    def _prepare(self, difference: Difference) -> None:
        sheet = difference.sheet
        for name in (sheet.plan, sheet.doomed):
            self.dialect.drop(self.cursor, name)
        if not sheet.is_rising:
            self._drop_doubles(difference)
        self.dialect.analyze(self.cursor, sheet.stage, ["k"])
        self.dialect.refresh(self.cursor, [sheet.model._meta.db_table])

    def _compare(self, difference: Difference) -> None:
        """Plan a model, when those that it names by natural keys have been written."""
        sheet = difference.sheet
        self.rejections += self.namings[sheet.model].resolve()
        self.dialect.create_from(self.cursor, sheet.plan, difference.planned(), "n")
        for many in sheet.many:
            for statement in difference.note_relations(many):
                self.cursor.execute(statement)
        self.cursor.execute(f"SELECT act, COUNT(*) FROM {difference.plan} GROUP BY act")
        self.acts[sheet.model] = dict(self.cursor.fetchall())
        self._keep_changes(difference)

    def _keep_changes(self, difference: Difference) -> None:
        """Read what is about to change, while a preview wants more of it."""
        room = self.options.changes_wanted - len(self.changes)
        if room <= 0:
            return
        sheet = difference.sheet
        self.cursor.execute(difference.changes(room))
        for number, act, key, *values in self.cursor.fetchall():
            pairs = zip(sheet.values, values[::2], values[1::2], strict=True)
            self.changes.append(
                Change(
                    number=number,
                    model=sheet.label,
                    pk=key,
                    outcome=OUTCOMES[Act(act)],
                    fields={c.field.name: (old, new) for c, old, new in pairs if old != new},
                    origin=sheet.origin(number),
                )
            )

    def _drop_doubles(self, difference: Difference) -> None:
        sheet = difference.sheet
        self.cursor.execute(difference.doubles())
        found = self.cursor.fetchall()
        if not found:
            return
        for number, key, last, other in found:
            where = sheet.origin(last) or f"record {last + 1}"
            origin = sheet.origin(number)
            if key == other:
                reason = f"its object comes again later, at {where}"
                self.skips.append(Notice(number=number, reason=reason, origin=origin))
                continue
            kind = "natural" if sheet.is_unkeyed else "primary"
            other = sheet.called(other) if sheet.is_unkeyed else repr(other)
            reason = f"its {kind} key is the same as {other} for this database, which comes at {where}"
            sheet.has_refused = True
            self.rejections.append(
                Rejection(
                    number=number, reason=reason, column="pk", value=key, origin=origin, model=sheet.label
                )
            )
        for statement in difference.drop_doubles():
            self.cursor.execute(statement)

    def _delete(self) -> None:
        clean = [d for d in self.differences if not d.sheet.is_implied]
        if not any(d.sheet.rows for d in clean) and not self.options.allow_empty:
            raise GuardError(
                "the other site sent no objects at all; with clean that would empty the tables. "
                "If it is meant, allow it with allow_empty (--allow-empty)"
            )
        for difference in self.differences:
            implied = difference.sheet.is_implied
            gone = difference.nothing() if implied else difference.unsent()
            self.dialect.create_from(self.cursor, difference.sheet.doomed, gone, "k")
        by_model = {d.sheet.model: d.sheet for d in self.differences}
        deletes = Deletes(by_model, self.dialect, self.cursor, self.options.using)
        deletes.gather()
        if self.options.changes_wanted:
            self.changes += deletes.changes(self.options.changes_wanted)
        self.removed = deletes.delete(self.signalling)
        self.gone = frozenset(deletes.lost)

    def _write(self, difference: Difference) -> None:
        acts = self.acts[difference.sheet.model]
        if not acts.get(Act.CREATE) and not acts.get(Act.UPDATE):
            return
        try:
            with transaction.atomic(using=self.options.using):
                coming = self.signalling.before_saving(difference) if self.signalling else []
                Writing(difference, self.dialect, self.cursor, self.options.using).write(acts)
                if self.signalling:
                    self.signalling.after_saving(coming)
        except IntegrityError as error:
            found = list(self._checking(difference).conflicts())
            if not found:
                raise ConflictError(
                    f"the database refuses what the other site sent of {difference.sheet.label}: "
                    f"{' '.join(str(error).split())}"
                ) from error
            self.rejections += found

    def _relate(self, difference: Difference) -> None:
        for many in difference.sheet.many:
            if isinstance(many.through._meta.pk, models.AutoField):
                # Rows that were restored with their keys may have left the sequence behind them.
                self.dialect.advance_sequence(self.cursor, many.through)
        dangling = list(self._checking(difference).dangling_pairs())
        self.rejections += dangling
        if not dangling:
            Writing(difference, self.dialect, self.cursor, self.options.using).relate(self.signalling)

    def _checking(self, difference: Difference) -> Checking:
        refused = frozenset(sheet.model for sheet in self.sheets if sheet.has_refused)
        return Checking(difference, self.cursor, refused)

    # -- telling -----------------------------------------------------------------------------

    def told(self) -> Iterator[Settled]:
        """What became of the records, model by model."""
        for difference in self.differences:
            sheet = difference.sheet
            for start, length, _ in sheet.parts:
                yield Settled(numbers=range(start, start + length), outcomes=_filled(length))
            for found in self._planned(difference):
                yield Settled(
                    numbers=[n for n, _ in found], outcomes=bytes(OUTCOMES[Act(act)] for _, act in found)
                )
        yield Settled(
            numbers=(),
            outcomes=b"",
            rejections=self.rejections,
            skips=self.skips,
            changes=self.changes,
            removed=self.removed,
        )

    def _planned(self, difference: Difference) -> Iterator[Sequence[tuple[int, int]]]:
        """Number and act of the records that are not as they were, some at a time: all would be many."""
        with spooling(self.options.using), self.dialect.connection.chunked_cursor() as cursor:
            cursor.execute(f"SELECT n, act FROM {difference.plan} ORDER BY n")
            while found := cursor.fetchmany(_TOLD):
                yield found


def _filled(length: int) -> bytes:
    return bytes([Outcome.UNCHANGED]) * length
