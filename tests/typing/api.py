"""The public API as a user's code sees it. mypy checks this file; nothing runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_type

import modelsync
from modelsync import Action, ConfigurationError, ModelSyncError, Outcome, Report


def rows() -> Iterator[dict[str, object]]:
    yield {"sku": "A-1", "name": "Anvil", "price": "12.50"}


def by_hand() -> int:
    """Any iterable of mappings, a model's label, and the report."""
    report: modelsync.Report = modelsync.sync(
        rows(), "shop.Product", system="ERP", match_on=["sku"], actions="cu*", dry_run=True
    )
    assert_type(report.counts, dict[Outcome, int])
    assert_type(report.created, int)
    assert_type(report.ok, bool)
    for rejection in report.rejections:
        assert_type(rejection.reason, str)
        assert_type(rejection.column, str | None)
    return report.exit_status


def from_a_file() -> Report:
    """Every option by its name."""
    return modelsync.sync(
        "products.csv",
        "shop.Product",
        system="ERP",
        key_column="id",
        map={"Article": "sku"},
        using="default",
        policy="modelsync.policies.OrderedSyncPolicy",
        validate="full",
        writer="staged",
        on_conflict="reject",
        missing="delete",
        max_deletes="25%",
        skip_errors=True,
        max_errors=10,
        commit_every=1000,
        resume=True,
        strict=True,
        observers=[],
    )


def with_errors() -> str:
    """The error tree has one root; actions are flags."""
    try:
        modelsync.sync([], "shop.Product", match_on="sku")
    except ConfigurationError as error:
        return str(error)
    except ModelSyncError:
        raise
    return str(Action.CREATE | Action.UPDATE)
