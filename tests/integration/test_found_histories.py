"""Histories that random search has found: the engine once did something else than the oracle.

Each is kept as it was found, and is also played among rows that touch nothing of its own: a writer
takes few rows one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.histories import Feed, History, mistakes, start_sequences
from tests.integration.test_equivalence import WRITERS
from tests.shop.models import Category, Checked
from tests.strategies import SCENARIOS, padded

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
    for before in (0, 5, 10):
        yield replace(
            history, feeds=[padded(scenario_of(history), each, before=before) for each in history.feeds]
        )


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
