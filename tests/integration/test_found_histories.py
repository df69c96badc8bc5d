"""Histories that random search has found: the engine once did something else than the oracle.

Each is played as it was found, and among rows that touch nothing of its own: a writer takes few rows
one by one. Where those come several times, the same holds for what is left after the first set.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from tests.histories import Feed, History, mistakes, start_sequences
from tests.integration.test_equivalence import WRITERS
from tests.shop.models import Category, Checked, Slot, Worded
from tests.strategies import PADS, SCENARIOS, padded

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FOUND: dict[str, History] = {
    "a mapping of an object of another case that an earlier row makes": History(
        objects=[],
        keys=[("erp", "2", "A")],
        feeds=[
            Feed(
                rows=[
                    {"word": "a", "note": "x", "external_key": "1"},
                    {"word": "b", "note": "x", "external_key": "2"},
                ],
                system="erp",
                match_on="word",
                actions="c",
            )
        ],
    ),
    "a mapping that names its object in other letters is right": History(
        objects=[(Worded, "a", {"note": ""})],
        keys=[("erp", "2", "A")],
        feeds=[
            Feed(
                rows=[{"word": "a", "note": "x", "external_key": "2"}],
                system="erp",
                match_on="word",
                actions=actions,
            )
            for actions in ("c", "cu", "d")
        ],
    ),
    "a mapping of a gone object that an earlier row makes anew": History(
        objects=[],
        keys=[("erp", "2", "a")],
        feeds=[
            Feed(
                rows=[
                    {"word": "a", "note": "x", "external_key": "1"},
                    {"word": "b", "note": "y", "external_key": "2"},
                ],
                system="erp",
                match_on="word",
                actions="c",
            )
        ],
    ),
    "deleting the object in the way would take the updated one along": History(
        objects=[
            (Category, 1, {"code": "b", "title": "x", "parent": 1}),
            (Category, 2, {"code": "a", "title": "x", "parent": 1}),
        ],
        keys=[("crm", "1", 2)],
        feeds=[
            Feed(
                rows=[{"code": "b", "parent=>code": "a", "external_key": "1"}],
                system="crm",
                match_on="code",
                actions="u*",
            )
        ],
    ),
    "an ambiguous row after one that is no part of the set": History(
        objects=[(Checked, 1, {"code": "a", "amount": 1}), (Checked, 2, {"code": "b", "amount": 1})],
        keys=[],
        feeds=[
            Feed(
                rows=[{"code": "a", "amount": "2"}, {"code": "c", "amount": "1"}],
                match_on="amount",
                actions="c",
            )
        ],
    ),
    "a row whose key renames an object before an earlier row meets it": History(
        objects=[(Slot, 1, {"a": "a"})],
        keys=[],
        feeds=[
            Feed(
                rows=[
                    {"a": "a", "x": "1", "y": "1", "external_key": "1"},
                    {"a": "b", "x": "1", "y": "1", "external_key": "2"},
                    {"a": "a", "x": "1", "y": "1", "external_key": "2"},
                    {"a": "c", "x": "1", "y": "2", "external_key": "1"},
                ],
                system="crm",
                match_on="a",
                actions="u*",
            )
        ],
    ),
    "a row whose key renames the object of a later row": History(
        objects=[(Slot, 1, {"a": "c"})],
        keys=[("crm", "2", 1)],
        feeds=[
            Feed(
                rows=[
                    {"a": "b", "external_key": ""},
                    {"a": "b", "external_key": "2"},
                    {"a": "c", "external_key": ""},
                ],
                system="crm",
                match_on="a",
                actions="cu*",
            )
        ],
    ),
    "a unique value that a later row gives up": History(
        objects=[(Slot, 1, {"a": "a", "b": "k"})],
        keys=[],
        feeds=[
            Feed(
                rows=[{"a": "c", "b": "m"}, {"a": "c", "b": "k"}, {"a": "a", "b": "l"}],
                match_on="a",
                actions="cu*",
            )
        ],
    ),
    "a row leaves out what it is matched on": History(
        objects=[(Category, 1, {"code": "b", "title": ""})],
        keys=[],
        feeds=[
            Feed(
                rows=[{"code": "d", "title": "y"}, {"code": "a"}, {"code": "c", "title": ""}],
                match_on="title",
                actions=actions,
            )
            for actions in ("c", "cu*", "d*")
        ],
    ),
    "a reference to an object that comes and goes": History(
        objects=[],
        keys=[],
        feeds=[
            Feed(
                rows=[
                    {"code": "d", "parent=>code": "", "external_key": "1", "action_flags": "u"},
                    {"code": "c", "parent=>code": "", "external_key": "1", "action_flags": "c"},
                    {"code": "b", "parent=>code": "c", "external_key": "", "action_flags": "c"},
                    {"code": "c", "parent=>code": "", "external_key": "", "action_flags": "d*"},
                ],
                system="crm",
                match_on="code",
            )
        ],
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _sequences(django_db_setup: None, django_db_blocker: Any) -> None:
    """New objects are numbered from above the primary keys that histories give."""
    with django_db_blocker.unblock():
        for scenario in SCENARIOS:
            start_sequences(scenario)


def plays(history: History) -> Iterator[History]:
    """The history as it was found, and among other rows."""
    yield history
    scenario = scenario_of(history)
    for before, times in product((0, PADS // 2, PADS), (1, 3)):
        feeds = history.feeds
        for _ in range(times):
            feeds = [padded(scenario, feed, before=before, likes=feed.rows[:1]) for feed in feeds]
        yield replace(history, feeds=feeds)


def scenario_of(history: History) -> Any:
    """A scenario with the history's model."""
    columns = set(history.feeds[0].rows[0]) - {"external_key", "match_on", "action_flags"}
    return next(s for s in SCENARIOS if ({*s.core, *s.extra} >= columns))


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", FOUND)
def test_a_history_that_was_found(name: str, writer: str) -> None:
    """The engine leaves what the oracle leaves, whatever rows are around."""
    for history in plays(FOUND[name]):
        wrong = mistakes(scenario_of(history), history, writer)
        assert not wrong, wrong
