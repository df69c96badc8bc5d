"""What holds for every input: a second run writes nothing, and every row is counted once."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.histories import (
    Feed,
    History,
    Scenario,
    build,
    by_oracle,
    run_engine,
    snapshot,
    start_sequences,
    undone,
)
from tests.integration.test_equivalence import WRITERS, exploring
from tests.strategies import IDS, SCENARIOS, feeds, histories, keys, objects

#: Of a hundred histories, how many go to which test.
SHARES = {"second run": 8, "counts": 2}
#: What a run may write although nothing changes: its stage, and itself.
OWN = (
    "modelsync_stage",
    "modelsync_plan",
    "modelsync_found",
    "modelsync_seen",
    "modelsync_run",
    "modelsync_checkpoint",
)
WRITE = re.compile(
    r"\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|REPLACE\s+INTO|MERGE\s+INTO|COPY)\s+(\S+)", re.IGNORECASE
)

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture(scope="module", autouse=True)
def _sequences(django_db_setup: None, django_db_blocker: Any) -> None:
    """New objects are numbered from above the primary keys that histories give."""
    with django_db_blocker.unblock():
        for scenario in SCENARIOS:
            start_sequences(scenario)


def writes(queries: list[dict[str, str]]) -> list[str]:
    """The statements among them that write anything but what a run keeps for itself."""
    found = []
    for query in queries:
        written = WRITE.match(query["sql"])
        writes_none = query["sql"].rstrip().endswith(" WHERE 0")  # asks for SQLite's write lock
        if written and not writes_none and not written[1].strip("\"'`").startswith(OWN):
            found.append(query["sql"])
    return found


def peaceful(scenario: Scenario, feed: Feed) -> Feed:
    """The input without rows that ask different things of one object, which no second run could calm."""
    match = next(name for name in scenario.core if "=>" not in name)
    seen: dict[str, set[str]] = {match: set(), "external_key": set()}
    rows = []
    for row in feed.rows:
        said = {name: str(row.get(name) or "").strip().lower() for name in seen}
        if all(not text or text not in seen[name] for name, text in said.items()):
            rows.append(row)
            for name, text in said.items():
                seen[name].add(text)
    return replace(feed, rows=rows or feed.rows[:1], match_on=match, skip_errors=False)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=IDS)
def test_a_second_run_writes_nothing(scenario: Scenario, writer: str) -> None:
    """The same input again: no statement writes to the models or the keys, all rows are unchanged."""
    inputs = feeds(scenario, actions=("cu", "cu*", "u", "u*")).map(lambda feed: peaceful(scenario, feed))

    @exploring(SHARES["second run"], len(SCENARIOS) * len(WRITERS))
    @given(objects(scenario), keys(scenario), inputs)
    def check(first: list[Any], known: list[Any], feed: Feed) -> None:
        assume("match_on" not in feed.rows[0])
        with undone():
            build(scenario, History(first, known, [feed]))
            report = run_engine(scenario, feed, writer)
            assume(not report.rejected and not report.skipped)
            after = snapshot(scenario)
            assume(is_settled(scenario, feed))
            with CaptureQueriesContext(connection) as context:
                again = run_engine(scenario, feed, writer)
            assert not writes(context.captured_queries)
            assert again.unchanged == again.total == len(feed.rows)
            assert snapshot(scenario) == after

    check()


def is_settled(scenario: Scenario, feed: Feed) -> bool:
    """Whether no two rows want different things: row by row, all of them are unchanged now."""
    with undone():
        return set(by_oracle(scenario, feed).counts) == {"unchanged"}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=IDS)
def test_every_row_is_counted_once(scenario: Scenario) -> None:
    """The outcomes add up to the rows, and each rejection is told once, with its row's number."""

    @exploring(SHARES["counts"], len(SCENARIOS))
    @given(histories(scenario), st.sampled_from(WRITERS), st.booleans())
    def check(history: History, writer: str, dry_run: bool) -> None:
        with undone():
            build(scenario, history)
            for feed in history.feeds:
                report = run_engine(scenario, feed, writer, dry_run=dry_run)
                numbers = [each.number for each in report.rejections]
                assert sum(report.counts.values()) == report.total == len(feed.rows)
                assert len(numbers) == len(set(numbers)) == report.rejected
                assert set(numbers) <= set(range(len(feed.rows)))

    check()
