"""Taking over from the plan what became of each record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelsync.core.planning import HELD_BY_OTHERS, NO_KEY, NOT_HELD, NOTHING_TO_UPDATE
from modelsync.core.records import Action
from modelsync.core.results import Outcome
from modelsync.targets.django.faults import ambiguous, not_found
from modelsync.targets.django.shape import Reference
from modelsync.targets.django.staged.carrying import OUTCOMES, Carrying
from modelsync.targets.django.staged.plan import Plan
from modelsync.targets.django.staged.statements import Kind
from modelsync.targets.django.staged.tables import PLAN, Act
from modelsync.targets.django.staged.work import Work

_REASONS = {
    Act.NOTHING: NOTHING_TO_UPDATE,
    Act.HELD_BY_OTHERS: HELD_BY_OTHERS,
    Act.NOT_HELD: NOT_HELD,
    Act.NO_KEY: NO_KEY,
}


class Noting:
    """Notes outcomes, reasons and warnings of rows that were written."""

    def __init__(self, work: Work, plan: Plan, carrying: Carrying) -> None:
        self.work = work
        self.plan = plan
        self.carrying = carrying
        self.applied = work.applied
        self.positions = work.loaded.positions
        self.table = work.dialect.quote(PLAN)
        self.is_late = work.kind is Kind.LATE

    def note(self, rows: Sequence[int]) -> None:
        """Take over the outcomes of the plan; a row that is not in it is as it should be."""
        self.applied.keys_written += self.carrying.new_keys
        self.carrying.new_keys = 0
        if not rows:
            return
        self._note_outcomes(rows)
        if self.is_late:
            # All else about the record was said before.
            self._note_missing()
        else:
            self._note_reasons()
            self._note_late()
        if self.plan.facts.ambiguous:
            self._note_ambiguous()

    # -- outcomes ----------------------------------------------------------------------------

    def _note_outcomes(self, rows: Sequence[int]) -> None:
        acts = self.plan.facts.acts
        usual, codes = self._codes()
        unusual = [act for act, code in codes.items() if code != usual]
        if len(unusual) == 1 and acts[unusual[0]] == len(rows):
            self._fill(rows, codes[unusual[0]])
            return
        self._fill(rows, usual)
        if not unusual:
            return
        listed = ", ".join(map(str, unusual))
        self.work.cursor.execute(f"SELECT act, n FROM {self.table} WHERE act IN ({listed})")
        positions, outcomes = self.positions, self.applied.outcomes
        for act, n in self.work.cursor.fetchall():
            outcomes[positions[n]] = codes[act]

    def _codes(self) -> tuple[int, dict[int, int]]:
        """The outcome of a row that the plan says nothing of, and those of the acts in the plan."""
        codes = {act: int(OUTCOMES[Act(act)]) for act in self.plan.facts.acts}
        if not self.is_late:
            return int(Outcome.UNCHANGED), codes
        return 0, {act: code if act == Act.UPDATE else 0 for act, code in codes.items()}

    def _fill(self, rows: Sequence[int], code: int) -> None:
        """Give rows one outcome."""
        positions, outcomes = self.positions, self.applied.outcomes
        start, end = positions[rows[0]], positions[rows[-1]] + 1
        if end - start == len(rows):
            outcomes[start:end] = bytes([code]) * len(rows)
            return
        for row in rows:
            outcomes[positions[row]] = code

    def _note_reasons(self) -> None:
        for act, reason in _REASONS.items():
            if act in self.plan.facts.acts:
                for n in self.work.numbers(f"SELECT n FROM {self.table} WHERE act = {act}"):
                    self.applied.skips[self.positions[n]] = reason

    # -- references --------------------------------------------------------------------------

    def _note_late(self) -> None:
        """Have the records whose references nothing answers come again at the end of the pass."""
        if not self.plan.facts.late:
            return
        for n, lacking in self._bits("late"):
            if lacking & ~self.carrying.filled.get(n, 0) and self._has_written(self.positions[n]):
                self.applied.late.add(self.positions[n])

    def _note_missing(self) -> None:
        """Warn of references that are not found at the end of the pass either."""
        if not self.plan.facts.late:
            return
        for n, lacking in self._bits("late"):
            for reference in self._named(lacking):
                problem = not_found(reference, self._said(reference, n))
                self.applied.warn(self.positions[n], reference.lookups[0].column, problem)

    def _note_ambiguous(self) -> None:
        for n, several in self._bits("ambiguous"):
            if not self._has_written(self.positions[n]):
                continue
            for reference in self._named(several):
                problem = ambiguous(reference, self._said(reference, n))
                self.applied.warn(self.positions[n], reference.lookups[0].column, problem)

    def _has_written(self, position: int) -> bool:
        created = self.applied.outcomes[position] == Outcome.CREATED
        return created or Action.UPDATE in self.work.group.actions[position]

    def _bits(self, name: str) -> Iterator[tuple[int, int]]:
        """Rows with their bits, in row order, where there are any and the row has an object."""
        self.work.cursor.execute(
            f"SELECT n, {name} FROM {self.table} WHERE {name} <> 0 AND act <> {Act.NOTHING} ORDER BY n"
        )
        return ((n, int(bits)) for n, bits in self.work.cursor.fetchall())

    def _named(self, bits: int) -> list[Reference]:
        return [r for i, r in enumerate(self.work.layout.shape.references) if bits >> i & 1]

    def _said(self, reference: Reference, n: int) -> str:
        """The lookup values of a record."""
        columns = self.work.loaded.columns
        given = ((lookup.path, columns[f"l{lookup.index}"][n]) for lookup in reference.lookups)
        return ", ".join(f"{path} {value!r}" for path, value in given if value is not None)
