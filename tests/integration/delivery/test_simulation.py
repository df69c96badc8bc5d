"""Whatever happens on the way, applications end with what there is: seeded histories in memory.

`python -m tests.simulation SEED` prints one of them, and what came of it.
"""

from __future__ import annotations

import os
from typing import Any, Final

import pytest
from django.db import connection

from tests.simulation import receiver
from tests.simulation.steps import Arrives, Drains, Joins, Op, Opens, Sequences, Step, Writes, draw
from tests.simulation.world import play

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
#: So that several processes can share the work.
PARTS: Final = 20


def histories() -> int:
    """How many: 1,000 on SQLite, where they are quick, unless MODELSYNC_EXAMPLES says otherwise."""
    if connection.vendor == "sqlite":
        return int(os.environ.get("MODELSYNC_EXAMPLES") or 2_000) // 2
    return int(os.environ.get("MODELSYNC_EXAMPLES") or 300) // 6


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_stale_or_back_from_the_dead(part: int) -> None:
    """Each application has exactly what it is to have, all is done, and nobody was ever set back."""
    for seed in range(part, histories(), PARTS):
        findings = play(seed)
        steps = "".join(f"\n  {step!r}," for step in draw(seed))
        assert not findings, f"seed {seed}\n" + "\n".join(findings) + f"\nafter{steps}"


def save(value: int, verb: str = "save", **given: Any) -> Step:
    """Write the first thing."""
    return Writes(ops=(Op(verb=verb, model="Thing", key=1, value=value),), **given)


@pytest.mark.parametrize("verb", ["save", "delete"])
@pytest.mark.parametrize("application", ["old", "filtered", "new"])
def test_what_was_changed_and_changed_back_in_between(application: str, verb: str) -> None:
    """Trap: a state that nobody has sequenced goes out with the version before; the next has no version."""
    meanwhile = save(4, verb, dies=-1)
    drain = Drains(application=application, sequences=False)
    assert play(1, [save(1), meanwhile, drain, save(4, "change back")]) == []


def test_what_was_deleted_and_made_again_while_an_application_joined() -> None:
    """Trap: its backfill does not see the object, and nobody sees a change of it."""
    history = [save(1), Joins(application="new"), save(4, "delete", dies=-1)]
    drain = Drains(application="new", sequences=False)
    assert play(1, [*history, drain, save(4, "change back")]) == []


def test_what_is_committed_while_others_are_sequenced() -> None:
    """Trap: its change has a lower number than those that were read, and nobody has read it."""
    late = Op(verb="save", model="Thing", key=8, value=1, writer=2)
    assert play(1, [Opens(op=late), save(1, dies=-1), Sequences(commits=True)]) == []


def test_the_simulation_sees_a_careless_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """One without a fence is set back by a copy of an old request."""
    copied = Drains(application="filtered", faults=("twice",))
    history = [save(1), copied, save(4), Drains(application="filtered")]
    assert play(1, [*history, Arrives(application="filtered", which=0)]) == []
    monkeypatch.setattr(receiver, "is_newer", lambda *_: True)
    (finding, *_) = play(1, [*history, Arrives(application="filtered", which=0)])
    assert "was replaced by an older state" in finding
