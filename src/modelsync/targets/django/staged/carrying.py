"""Carrying the plan out: the statements that write, in their order."""

from __future__ import annotations

from modelsync.core.results import Change, Outcome
from modelsync.targets.django.schema import Field
from modelsync.targets.django.staged.merging import First
from modelsync.targets.django.staged.plan import Plan
from modelsync.targets.django.staged.statements import Kind
from modelsync.targets.django.staged.tables import Act
from modelsync.targets.django.staged.work import Work

OUTCOMES = {
    Act.CREATE: Outcome.CREATED,
    Act.UPDATE: Outcome.UPDATED,
    Act.KEEP: Outcome.UNCHANGED,
    Act.DELETE: Outcome.DELETED,
    Act.NOTHING: Outcome.SKIPPED,
    Act.HELD_BY_OTHERS: Outcome.SKIPPED,
    Act.NOT_HELD: Outcome.SKIPPED,
    Act.NO_KEY: Outcome.SKIPPED,
}


class Carrying:
    """Writes what the plan says.

    `filled` are bits, by row, of the references that name an object of the same batch; `new_keys`
    is how many mappings were written since they were last counted.
    """

    def __init__(self, work: Work, plan: Plan) -> None:
        self.work = work
        self.plan = plan
        self.sql = work.sql
        self.filled: dict[int, int] = {}
        self.new_keys = 0

    def carry_out(self) -> None:
        """Run the statements, in the transaction that is open; raises what the database does."""
        self._keep_changes()
        if self.work.kind is Kind.DELETES:
            self._delete()
        else:
            self._write()

    def _delete(self) -> None:
        if self.plan.facts.acts.get(Act.DELETE):
            self.work.run(self.sql.deletes.delete())
        if self.work.layout.has_keys:
            self.work.applied.keys_removed += self.work.run(self.sql.deletes.drop_keys())

    def _write(self) -> None:
        facts = self.plan.facts
        self.filled = {}
        if facts.acts.get(Act.UPDATE):
            self.work.run(self.sql.merging.update())
        first = self._insert() if facts.acts.get(Act.CREATE) else None
        if self.work.layout.has_keys and self.work.kind is Kind.WRITES:
            self._write_keys(first)
        if facts.acts.get(Act.CREATE) and facts.late:
            self._fill_own(first)

    def _insert(self) -> First | None:
        """Make the new objects; the first of their keys and the step, where they are counted."""
        work, dialect = self.work, self.work.dialect
        if not self.sql.rows.draws_ids or dialect.ids_before:
            work.run(self.sql.merging.insert(None))
            return None
        model = work.context.schema.model
        first = None if dialect.ids_after else dialect.first_id(work.cursor, model)
        work.run(self.sql.merging.insert(first))
        first = first or dialect.first_id(work.cursor, model)
        if self.plan.facts.stray:
            work.run(self.sql.merging.note_ids(first))
        return first

    def _write_keys(self, first: First | None) -> None:
        unmapped = self.plan.facts.unmapped
        found = [act for act in (Act.UPDATE, Act.KEEP) if unmapped.get(act)]
        if unmapped.get(Act.CREATE) and first:
            self.new_keys += self.work.run(self.sql.mappings.insert_new(first))
        elif unmapped.get(Act.CREATE):
            found.append(Act.CREATE)
        if found:
            self.new_keys += self.work.run(self.sql.mappings.insert(found))
        if self.plan.facts.stray:
            self.new_keys += self.work.run(self.sql.mappings.repoint())

    def _fill_own(self, first: First | None) -> None:
        """Let new objects refer to those that earlier rows have just made."""
        own = self.sql.rows.own_references()
        if own and first and not self.plan.facts.stray:
            self.work.run(self.sql.merging.note_ids(first))
        for i in own:
            self.work.run(self.sql.hazards.fill_own(i))
            for n in self.work.numbers(f"SELECT n FROM ({self.sql.hazards.named_before(i)}) f"):
                self.filled[n] = self.filled.get(n, 0) | 1 << i

    def _keep_changes(self) -> None:
        """Read what is about to change, while a preview wants more of it."""
        work = self.work
        room = work.context.changes_wanted - len(work.applied.changes)
        if room <= 0:
            return
        fields: list[Field] = []
        if work.kind is Kind.DELETES:
            query = self.sql.deletes.changes(room)
        else:
            query, fields = self.sql.merging.changes(room)
        work.cursor.execute(query)
        for n, act, pk, *values in work.cursor.fetchall():
            position = work.loaded.positions[n]
            pairs = zip(fields, values[::2], values[1::2], strict=True)
            work.applied.changes.append(
                Change(
                    number=work.group.numbers[position],
                    model=work.context.schema.label,
                    pk=pk,
                    outcome=OUTCOMES[Act(act)],
                    fields={f.name: (old, new) for f, old, new in pairs if old != new},
                    origin=work.group.origin(position),
                )
            )
