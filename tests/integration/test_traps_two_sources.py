"""Traps of TRAPS.md, "Two sources": they must not flap."""

from __future__ import annotations

from typing import Any

import pytest

from modelsync.models import ExternalKeyMapping
from tests.rows import WRITERS, run
from tests.shop.models import Supplier

pytestmark = [pytest.mark.django_db, pytest.mark.database]
both = pytest.mark.parametrize("writer", WRITERS)


def state() -> tuple[list[Any], list[Any]]:
    """All suppliers and all keys."""
    fields = ("external_system__name", "external_key", "object_id")
    return (
        list(Supplier.objects.order_by("pk").values_list("pk", "code", "name")),
        sorted(ExternalKeyMapping.objects.values_list(*fields)),
    )


@both
@pytest.mark.parametrize("actions", ["c", "cu", "cu*"])
def test_two_systems_that_agree_reach_a_fixed_point(writer: str, actions: str) -> None:
    """Trap "run A, run B, run A must end in a fixed point": the same objects under two sets of keys."""
    ours = [{"code": f"c{i:02}", "name": "N", "external_key": f"a{i}"} for i in range(10)]
    theirs = [{"code": f"c{i:02}", "name": "N", "external_key": f"b{i}"} for i in range(5, 14)]
    options: dict[str, Any] = {"writer": writer, "actions": actions, "unique": ["code", "external_key"]}
    run(ours, Supplier, system="A", **options)
    run(theirs, Supplier, system="B", **options)
    before = state()
    for rows, system in ((ours, "A"), (theirs, "B"), (ours, "A")):
        report = run(rows, Supplier, system=system, **options)
        assert report.unchanged == report.total
        assert (report.keys_written, report.keys_removed) == (0, 0)
    assert state() == before


@both
def test_two_systems_that_disagree_unforced(writer: str) -> None:
    """Trap "they must not flap": unforced, who comes first is right, and stays so."""
    ours = [{"code": "c", "name": "ours", "external_key": "a"}]
    theirs = [{"code": "c", "name": "theirs", "external_key": "b"}]
    options: dict[str, Any] = {"writer": writer, "unique": ["code", "external_key"]}
    run(ours, Supplier, system="A", **options)
    run(theirs, Supplier, system="B", **options)
    before = state()
    for rows, system in ((ours, "A"), (theirs, "B")):
        report = run(rows, Supplier, system=system, **options)
        assert report.unchanged == report.total
    assert state() == before
    assert Supplier.objects.get(code="c").name == "ours"


@both
def test_each_system_deletes_only_what_is_its_own(writer: str) -> None:
    """Trap "they must not flap": what A no longer has stays while B has it, and does not come and go."""
    ours = [{"code": f"c{i:02}", "name": "N", "external_key": f"a{i}"} for i in range(10)]
    theirs = [{"code": f"c{i:02}", "name": "N", "external_key": f"b{i}"} for i in range(5, 14)]
    options: dict[str, Any] = {
        "writer": writer,
        "unique": [],
        "match_on": "code",
        "pads": 0,
        "missing": "delete",
    }
    run(ours, Supplier, system="A", **options)
    run(theirs, Supplier, system="B", **options)
    run(ours[:7], Supplier, system="A", **options)
    before = state()
    assert len(before[0]) == 14
    for rows, system in ((theirs, "B"), (ours[:7], "A"), (theirs, "B")):
        report = run(rows, Supplier, system=system, **options)
        assert (report.unchanged, report.removed) == (len(rows), 0)
    assert state() == before
