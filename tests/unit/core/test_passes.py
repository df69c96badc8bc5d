"""The tally: one outcome per record, whatever the passes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from modelsync.core.passes import LATE, POSTPONED, Tally
from modelsync.core.results import Outcome

#: From the one that says least to the one that says most (semantics: Order).
ORDER = ["unchanged", "skipped", "updated", "deleted", "created", "rejected"]


@given(st.lists(st.sampled_from(list(Outcome)), min_size=1, max_size=5))
def test_the_outcome_that_says_most_stays(found: list[Outcome]) -> None:
    """Whatever the order in which the passes tell them."""
    tally = Tally()
    for outcome in found:
        tally.merge([3], bytes([outcome]))
    assert Outcome(tally.outcomes[3]).label == max((o.label for o in found), key=ORDER.index)
    assert sum(tally.counts().values()) == 1


@given(st.lists(st.tuples(st.integers(0, 20), st.sampled_from(list(Outcome))), max_size=30))
def test_merging_many_is_merging_each(told: list[tuple[int, Outcome]]) -> None:
    """The quick way over consecutive records gives what the slow one does."""
    slow, quick = Tally(), Tally()
    for number, outcome in told:
        slow.merge([number], bytes([outcome]))
        quick.set(number, outcome)
    assert slow.outcomes == quick.outcomes
    whole = Tally()
    if slow.outcomes:
        whole.merge(range(len(slow.outcomes)), bytes(slow.outcomes))
    assert whole.outcomes == slow.outcomes


def test_a_record_without_an_outcome_is_not_counted() -> None:
    """0 is no outcome: of a postponed record, until it has one."""
    tally = Tally()
    tally.merge([0, 1, 2], bytes([0, Outcome.CREATED, 0]))
    assert sum(tally.counts().values()) == 1
    tally.merge([0, 2], bytes([Outcome.REJECTED, 0]))
    assert tally.is_rejected(0)
    assert not tally.is_rejected(99)


def test_setting_twice() -> None:
    """`set` says whether the outcome is new."""
    tally = Tally()
    assert tally.set(5, Outcome.REJECTED)
    assert not tally.set(5, Outcome.REJECTED)


def test_marks() -> None:
    """A record may be late and postponed; the marks go one by one."""
    tally = Tally()
    assert list(tally.flagged(LATE)) == []
    for number in (7, 2):
        tally.flag(number, LATE)
    tally.flag(2, POSTPONED)
    assert (list(tally.flagged(LATE)), list(tally.flagged(POSTPONED))) == ([2, 7], [2])
    tally.clear(2, LATE)
    assert (list(tally.flagged(LATE)), list(tally.flagged(POSTPONED))) == ([7], [2])


@given(st.binary(max_size=50), st.sets(st.integers(0, 60)))
def test_a_tally_survives_a_checkpoint(outcomes: bytes, late: set[int]) -> None:
    """It goes through JSON and back."""
    tally = Tally()
    tally.outcomes = bytearray(byte % 7 for byte in outcomes)
    tally.flags = bytearray(len(outcomes))
    for number in late:
        tally.flag(number, LATE)
    again = Tally.load(json.loads(json.dumps(tally.dump())))
    assert (again.outcomes, again.flags) == (tally.outcomes, tally.flags)
