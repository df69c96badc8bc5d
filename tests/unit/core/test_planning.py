"""Every decision that docs/explanation/semantics.md asks for, over every combination of what is found."""

from __future__ import annotations

from itertools import product

import pytest

from modelsync.core.planning import Conflict, Found, Step, decide
from modelsync.core.records import Action

C, U, D, F = Action.CREATE, Action.UPDATE, Action.DELETE, Action.FORCE
WRITES = [C, U, C | U, C | F, U | F, C | U | F]
A, B = "object A", "object B"


def expected_write(
    actions: Action, found: Found[str], conflict: Conflict
) -> tuple[Step, str | None, str | None]:
    """The sections Create and Update, rule by rule: step, object, victim."""
    if U not in actions and found.linked:
        return Step.KEEP, found.linked, None  # Create, 1
    if found.several:
        return Step.SKIP, None, None  # Create, 2; Update, 1
    obj = found.linked or found.matched
    if U not in actions:
        return (Step.KEEP, obj, None) if obj else (Step.CREATE, None, None)  # Create, 3 and 4
    if found.linked and found.matched and found.linked != found.matched:  # Update, 2
        return (
            (Step.UPDATE, found.linked, found.matched)
            if conflict is Conflict.DELETE
            else (Step.REJECT, obj, None)
        )
    if obj:
        return Step.UPDATE, obj, None  # Update, 3
    return (Step.CREATE if C in actions else Step.SKIP), None, None


@pytest.mark.parametrize("actions", WRITES, ids=str)
@pytest.mark.parametrize("conflict", Conflict)
def test_writes(actions: Action, conflict: Conflict) -> None:
    """Creates and updates, for every linked and matched object."""
    for linked, matched, has_key in product((None, A), (None, A, B, "several"), (False, True)):
        if linked and not has_key:
            continue
        several = matched == "several"
        found = Found(linked=linked, matched=None if several else matched, several=several, has_key=has_key)
        decision = decide(actions, found, conflict)
        assert (decision.step, decision.obj, decision.victim) == expected_write(actions, found, conflict), (
            found
        )
        assert not decision.drop_key
        if decision.step in (Step.CREATE, Step.UPDATE):
            assert decision.keep_key is (has_key and not linked), "that of a linked object is right"
        if decision.step is Step.KEEP and not linked:
            assert decision.keep_key is has_key, "it is adopted"
        if decision.step is Step.SKIP:
            assert decision.reason
            assert decision.warn is several


@pytest.mark.parametrize("by_key_only", [False, True])
@pytest.mark.parametrize("forced", [False, True])
def test_deletes(forced: bool, by_key_only: bool) -> None:
    """Deletes, for every linked and matched object and all that hold it."""
    for linked, matched, has_key, held, others in product(
        (None, A), (None, A, B, "several"), (False, True), (False, True), (0, 1, 2)
    ):
        if (linked or held) and not has_key:
            continue
        several = matched == "several" and not by_key_only
        found = Found(
            linked=linked,
            matched=None if several or by_key_only or matched == "several" else matched,
            several=several,
            has_key=has_key,
            by_key_only=by_key_only,
            held=held,
            others=others,
        )
        decision = decide(D | F if forced else D, found)
        obj = found.linked if by_key_only else found.matched
        if not forced and not has_key:
            assert decision.step is Step.SKIP  # 5
            assert not decision.drop_key
            continue
        assert decision.drop_key  # 7
        if several:
            assert (decision.step, decision.warn) == (Step.SKIP, True)  # 2
        elif obj is None:
            assert decision.step is Step.KEEP  # 3
        elif forced or (held and not others):
            assert (decision.step, decision.obj) == (Step.DELETE, obj)  # 4, 6
        else:
            assert (decision.step, decision.warn) == (Step.SKIP, False)
            assert ("other external keys" in decision.reason) is bool(held or others)
        assert not decision.keep_key
