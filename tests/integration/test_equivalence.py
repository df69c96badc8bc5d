"""The engine leaves what the oracle leaves: any input, any batches, both writers, every database."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.histories import (
    History,
    Scenario,
    build,
    mistakes,
    result_of,
    run_engine,
    snapshot,
    start_sequences,
    undone,
)
from tests.strategies import IDS, SCENARIOS, histories

WRITERS = ("auto", "objects")
#: Of a hundred histories, how many go to which test.
SHARES = {"equivalence": 80, "dry run": 10}

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def examples(share: int, tests: int) -> int:
    """The examples of each of so many tests, for a share (in hundredths) of all that are wanted."""
    wanted = int(os.environ.get("MODELSYNC_EXAMPLES") or (2000 if connection.vendor == "sqlite" else 300))
    return max(1, -(-wanted * share // (100 * tests)))


def exploring(share: int, tests: int) -> settings:
    """Hypothesis' settings: nothing is kept, no example is too slow."""
    return settings(
        max_examples=examples(share, tests),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
    )


@pytest.fixture(scope="module", autouse=True)
def _sequences(django_db_setup: None, django_db_blocker: Any) -> None:
    """New objects are numbered from above the primary keys that histories give."""
    with django_db_blocker.unblock():
        for scenario in SCENARIOS:
            start_sequences(scenario)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=IDS)
def test_the_engine_does_what_the_oracle_does(scenario: Scenario, writer: str) -> None:
    """Outcomes, rejected rows, objects and keys are the same after each input of a history."""

    @exploring(SHARES["equivalence"], len(SCENARIOS) * len(WRITERS))
    @given(histories(scenario))
    def check(history: History) -> None:
        wrong = mistakes(scenario, history, writer)
        assert not wrong, wrong

    check()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=IDS)
def test_a_dry_run_tells_what_the_run_does(scenario: Scenario) -> None:
    """A dry run has the outcomes of the run, and leaves the database as it was."""

    @exploring(SHARES["dry run"], len(SCENARIOS))
    @given(histories(scenario, most=1), st.sampled_from(WRITERS))
    def check(history: History, writer: str) -> None:
        (feed,) = history.feeds
        with undone():
            build(scenario, history)
            before = snapshot(scenario)
            dry = result_of(scenario, run_engine(scenario, feed, writer, dry_run=True))
            real = result_of(scenario, run_engine(scenario, feed, writer))
            assert dry.database == before
            assert (dry.counts, dry.rejected) == (real.counts, real.rejected)

    check()
