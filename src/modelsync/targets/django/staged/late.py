"""The statements of records that come again for the references that were missing before.

Their objects are there: nothing is created, no other field is written, and no key moves
(docs/explanation/semantics.md, The end of a pass).
"""

from __future__ import annotations

from modelsync.core.records import Action
from modelsync.targets.django.schema import Field
from modelsync.targets.django.staged.statements import FALSE, TRUE, Statements


class LateStatements(Statements):
    """The SQL for one loaded group of late references."""

    def asks(self, action: Action) -> str:
        """SQL: whether the record has this action. Force is that of an update; nothing is created."""
        if action is Action.UPDATE:
            return TRUE
        if action is Action.CREATE:
            return FALSE
        forced, updates = super().asks(Action.FORCE), super().asks(Action.UPDATE)
        if updates == TRUE:
            return forced
        return updates if forced == TRUE else f"({forced} AND {updates})"

    def written(self) -> list[Field]:
        """The references alone."""
        return [r.field for r in self.shape.references if r.field]

    def own_references(self) -> list[int]:
        """A late record makes no object that another could name."""
        return []

    def _is_needy(self) -> str:
        return TRUE

    def _changed(self) -> str:
        tests = [self._redirects(i) for i, _ in enumerate(self.shape.references)]
        return "(" + " OR ".join(tests) + ")"

    def _absent(self) -> str:
        return "0"

    def _target_key(self) -> str:
        return self.pk_of("t")
