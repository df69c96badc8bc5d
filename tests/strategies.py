"""Hypothesis strategies for small histories in which much goes together: clashes, swaps, references."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import models
from hypothesis import strategies as st

from tests.histories import POLICIES, UUIDS, Cells, Feed, History, Scenario
from tests.shop.models import (
    Category,
    Checked,
    Department,
    Employee,
    Everything,
    Exclusive,
    House,
    Passport,
    Person,
    Product,
    Slot,
    Supplier,
    Tag,
    Uuided,
    Worded,
)

SYSTEMS = ("crm", "erp")
KEYS = ("1", "2", "3", "4", " 2 ", "", None)
GOOD_ACTIONS = ("c", "u", "d", "cu", "u*", "cu*", "d*", "", "*")
BAD_ACTIONS = ("cd", "x")
LONG = "x" * 101
#: More rows than a writer takes one by one.
PADS = 10
CODES = ("a", "b", "c", "A")
BAD_CODES = (LONG,)

_suppliers = {Supplier: {"code": ("a", "b"), "name": ("x", "y", "")}}
_tags = {Tag: {"slug": ("t", "u", "T"), "name": ("x",)}}
_products = {
    Product: {
        "sku": CODES,
        "name": ("x", "y", ""),
        "description": ("", "d"),
        "price": (None, "1", "2.5"),
        "stock": (0, 1),
        "active": (True, False),
        "supplier": (1, 2, None),
        "tags": ((), (1,), (1, 2)),
    }
}
_people = {
    Person: {
        "first_name": ("x", "y"),
        "last_name": ("p", "q", ""),
        "employee_id": ("e", "f", ""),
        "age": (None, 1, 2),
    }
}
_houses = {
    House: {
        "address": ("h", "i"),
        "country": ("", "z"),
        "floors": (None, 1, 2),
        "owner": (1, 2, None),
    }
}
_passports = {Passport: {"person": (1, 2, 3), "number": ("n", "m", "o")}}
_staff = {
    Department: {"code": ("a", "b"), "head": (1, 2, None)},
    Employee: {"number": ("n", "m", "o"), "boss": (1, 2, 3, None), "department": (1, 2)},
}
_TAG_CELLS = Cells(("t", "u", "v", ""))
_HOUSES = Cells(("h", "i", "j", ""))
_PEOPLE = Cells(("e", "f", "g", ""))

SCENARIOS = (
    Scenario(
        model=Product,
        tables={**_suppliers, **_tags, **_products},
        core={"sku": Cells((*CODES, ""), (LONG,)), "name": Cells(("x", "y", ""), BAD_CODES)},
        extra={
            "description": Cells(("", "d", "e")),
            "price": Cells(("1", "2.5", "2.50", "", None), ("nope", "1.005", "123456789")),
            "stock": Cells(("1", "2", 3), ("", None, "x", "99999999999")),
            "active": Cells(("True", "False", True), ("", "maybe")),
            "supplier=>code": Cells(("a", "b", "c", "")),
            "supplier=>name": Cells(("x", "y", "z", "")),
            "tags=>+slug": _TAG_CELLS,
        },
        matches=("sku", "sku name", "sku name |", "name ~", "name", "stock sku &", ""),
    ),
    Scenario(
        model=Product,
        tables={**_suppliers, **_tags, **_products},
        core={"sku": Cells(CODES)},
        extra={
            "tags=>-slug": _TAG_CELLS,
            "supplier": Cells(("1", "2", "9", ""), ("x",)),
            "weight": Cells(("1.5", "2", ""), ("x",)),
            "released": Cells(("2020-01-02", "2021-01-02", ""), ("x", "2020-13-01")),
        },
        matches=("sku", "sku supplier", "supplier", "released", ""),
    ),
    Scenario(
        model=Product,
        tables={**_suppliers, **_tags, **_products},
        core={"sku": Cells(CODES), "tags=>=slug": _TAG_CELLS},
        extra={"name": Cells(("x", "y"))},
        matches=("sku", "name", ""),
    ),
    Scenario(
        model=Supplier,
        tables={**_suppliers, **_tags, **_products},
        core={"code": Cells(("a", "b", "c", "B"), (LONG,)), "name": Cells(("x", "y", "z"))},
        extra={"products=>sku": Cells(("a", "b", "A", "d", ""))},
        matches=("code", "name", "code name |", "name code", ""),
    ),
    Scenario(
        model=House,
        tables={**_people, **_houses},
        core={"address": Cells(("h", "i", "j"))},
        extra={
            "country": Cells(("", "z", "w")),
            "floors": Cells(("1", "2", ""), ("x",)),
            "owner=>employee_id": Cells(("e", "f", "g", "")),
            "owner=>last_name": Cells(("p", "q", "r", "")),
        },
        matches=("address", "address country", "country", "floors", "address floors |", "country ~", ""),
    ),
    Scenario(
        model=House,
        tables={**_people, **_houses},
        core={"address": Cells(("h", "i", "j")), "owner": Cells(("1", "2", "3", "9", ""), ("x",))},
        extra={"floors": Cells(("1", "2", ""))},
        matches=("address", "owner", "address owner", ""),
    ),
    Scenario(
        model=Person,
        tables={**_people, **_houses, **_passports},
        core={"first_name": Cells(("x", "y", "z")), "last_name": Cells(("p", "q", ""))},
        extra={
            "employee_id": Cells(("e", "f", "g", "")),
            "age": Cells(("1", "2", ""), ("x",)),
            "houses=>address": _HOUSES,
            "passport=>number": Cells(("n", "m", "w", "")),
        },
        matches=("first_name", "employee_id", "last_name age", "first_name last_name |", "age", ""),
    ),
    Scenario(
        model=Category,
        tables={Category: {"code": CODES, "title": ("x", "y", ""), "parent": (1, 2, 3, None)}},
        core={"code": Cells((*CODES, "d"))},
        extra={
            "title": Cells(("x", "y", "")),
            "parent=>code": Cells((*CODES, "d", "")),
        },
        matches=("code", "title", "code title", "title ~", ""),
    ),
    Scenario(
        model=Category,
        tables={Category: {"code": CODES, "title": ("x", "y", ""), "parent": (1, 2, 3, None)}},
        core={"code": Cells((*CODES, "d")), "title": Cells(("x", "y", ""))},
        extra={
            "parent=>title": Cells(("x", "y", "z", "")),
            "children=>code": Cells(("a", "b", "d", "")),
        },
        matches=("code", "title", ""),
    ),
    Scenario(
        model=Category,
        tables={Category: {"code": CODES, "title": ("x", "y"), "parent": (1, 2, 3, None)}},
        core={"code": Cells((*CODES, "d"))},
        extra={
            "id": Cells(("1", "2", "4", "5"), ("x",)),
            "parent": Cells(("1", "2", "4", ""), ("x",)),
        },
        matches=("code", "id", "code id", ""),
    ),
    Scenario(
        model=Slot,
        tables={Slot: {"a": CODES, "b": ("k", "l", None), "x": (1, 2, None), "y": (1, 2)}},
        core={"a": Cells(CODES)},
        extra={
            "b": Cells(("k", "l", "m", "")),
            "x": Cells(("1", "2", ""), ("x",)),
            "y": Cells(("1", "2", "")),
        },
        matches=("a", "b", "x y", "a b |", "a b", ""),
    ),
    Scenario(
        model=Department,
        tables=_staff,
        core={"code": Cells(("a", "b", "c"))},
        extra={"head=>number": Cells(("n", "m", "z", "")), "employees=>number": Cells(("n", "m", "z", ""))},
        matches=("code", ""),
    ),
    Scenario(
        model=Employee,
        tables=_staff,
        core={"number": Cells(("n", "m", "o", "p")), "department=>code": Cells(("a", "b", "c", ""))},
        extra={
            "boss=>number": Cells(("n", "m", "p", "")),
            "heads=>code": Cells(("a", "b", "c", "")),
        },
        matches=("number", ""),
    ),
    Scenario(
        model=Employee,
        tables=_staff,
        core={"number": Cells(("n", "m", "o", "p")), "department": Cells(("1", "2", "9"), ("", "x"))},
        extra={"boss=>number": Cells(("n", "m", "p", ""))},
        matches=("number", "department", ""),
    ),
    Scenario(
        model=Worded,
        tables={Worded: {"note": ("x", "y", "")}},
        pks={Worded: CODES},
        core={"word": Cells((*CODES, "d"))},
        extra={"note": Cells(("x", "y", "", "Y"))},
        matches=("word", "note", "word note", ""),
    ),
    Scenario(
        model=Uuided,
        tables={Uuided: {"name": CODES}},
        pks={Uuided: UUIDS[:3]},
        core={"name": Cells((*CODES, "d"))},
        extra={"id": Cells(UUIDS, ("x",))},
        matches=("name", "id", ""),
    ),
    Scenario(
        model=Checked,
        tables={Checked: {"code": CODES, "amount": (1, 2)}},
        core={"code": Cells(CODES), "amount": Cells(("1", "2", "3"), ("-1", "", "x"))},
        extra={},
        matches=("code", "amount", ""),
    ),
    Scenario(
        model=Exclusive,
        tables={Exclusive: {"code": CODES, "title": ("x", "y"), "active": (True, False)}},
        core={"code": Cells(CODES), "title": Cells(("x", "y", "z"))},
        extra={"active": Cells(("1", "0"), ("",))},
        matches=("code", "title", "title active", ""),
    ),
    Scenario(
        model=Passport,
        tables={**_people, **_passports},
        core={"number": Cells(("n", "m", "o", "w"))},
        extra={"person=>employee_id": _PEOPLE, "person=>last_name": Cells(("p", "q", ""))},
        matches=("number", ""),
    ),
    Scenario(
        model=Everything,
        tables={
            Everything: {
                "code": CODES,
                "f_int": (None, 1),
                "f_bool": (None, True, False),
                "f_json": (None, {"a": 1}),
                "f_decimal": (None, "1.5"),
                "f_char": (None, "", "x"),
            }
        },
        core={"code": Cells(CODES)},
        extra={
            "f_int": Cells(("1", 2, "", None), ("x", 2**31)),
            "f_bool": Cells(("1", "False", True, "", None), ("maybe",)),
            "f_json": Cells(({"a": 1}, {"a": 2}, [1, "b"], 0, False, None)),
            "f_decimal": Cells(("1.5", "1.50", "-2", "", None), ("1.23456", "x")),
            "f_date": Cells(("2020-01-02", "", None), ("x",)),
            "f_char": Cells(("x", "y", "", None), ("x" * 11,)),
            "f_choice": Cells(("a", "b", ""), ("c",)),
            "f_datetime": Cells(("2020-01-02T03:04:05Z", "2021-01-02T03:04:05+02:00", "")),
            "f_uuid": Cells((UUIDS[0], UUIDS[0].replace("-", ""), UUIDS[1], "")),
        },
        matches=("code", "f_int", "f_char", "f_bool code", "f_uuid", "f_date", ""),
    ),
)
IDS = [f"{scenario}{number}" for number, scenario in enumerate(SCENARIOS)]


def objects(scenario: Scenario) -> st.SearchStrategy[list[tuple[Any, Any, dict[str, Any]]]]:
    """The first objects: up to three of each table, in the order of the tables."""
    parts = []
    for model, values in scenario.tables.items():
        one = st.fixed_dictionaries({name: st.sampled_from(choice) for name, choice in values.items()})
        pks = scenario.given_pks(model)
        parts.append(
            st.lists(one, max_size=len(pks)).map(
                lambda made, model=model, pks=pks: [
                    (model, pk, each) for pk, each in zip(pks, made, strict=False)
                ]
            )
        )
    return st.tuples(*parts).map(lambda lists: [each for one in lists for each in one])


def keys(scenario: Scenario) -> st.SearchStrategy[list[tuple[str, str, Any]]]:
    """The first keys; some point to nothing."""
    pks = scenario.given_pks(scenario.model)
    gone = {int: 4, str: "gone"}[type(pks[0])] if pks[0] not in UUIDS else UUIDS[3]
    one = st.tuples(st.sampled_from(SYSTEMS), st.sampled_from(("1", "2", "3")), st.sampled_from((*pks, gone)))
    return st.lists(one, max_size=4)


def _cells(column: Cells, clean: bool) -> st.SearchStrategy[Any]:
    good = st.sampled_from(column.good)
    return good if clean or not column.bad else st.sampled_from(column.good * 2 + column.bad)


def _is_open(row: Mapping[str, Any]) -> bool:
    """Whether a new object would not name itself by its key: a circle, which the oracle does not close."""
    return "id" not in row or row["id"] != row.get("parent")


@st.composite
def feeds(draw: st.DrawFn, scenario: Scenario, *, actions: tuple[str, ...] | None = None) -> Feed:
    """One input. Its columns are chosen first; rows may leave some of them out."""
    clean = draw(st.booleans())
    chosen = [name for name in scenario.extra if draw(st.booleans())]
    columns = {name: _cells(cells, clean) for name, cells in scenario.core.items()}
    columns |= {name: _cells(scenario.extra[name], clean) for name in chosen}
    matches = [each for each in scenario.matches if set(each.split()) - set("|&~") <= set(columns)]
    system = draw(st.sampled_from((None, *SYSTEMS)))
    has_keys = draw(st.booleans())
    if has_keys:
        columns["external_key"] = st.sampled_from(KEYS)
    first = scenario.matches[0]
    default = draw(st.sampled_from([m for m in matches if m or (has_keys and system)] + [first]))
    if draw(st.integers(0, 3)) == 0:
        columns["match_on"] = st.sampled_from(matches if clean else [*matches, "nothing", "|"])
        default = draw(st.sampled_from((default, "")))
    flags = actions or (GOOD_ACTIONS if clean else GOOD_ACTIONS + BAD_ACTIONS)
    wanted = draw(
        st.sampled_from([each for each in flags if set(each) & set("cud") and each not in BAD_ACTIONS])
    )
    if draw(st.booleans()):
        columns["action_flags"] = st.sampled_from(flags)
    whole = st.fixed_dictionaries(columns).filter(_is_open)
    optional = {name: columns[name] for name in chosen if draw(st.integers(0, 7)) == 0}
    required = {name: cells for name, cells in columns.items() if name not in optional}
    row = st.fixed_dictionaries(required, optional=optional).filter(_is_open)
    rows = [draw(whole), *draw(st.lists(row, max_size=11))]
    feed = Feed(
        rows=[{name: row[name] for name in columns if name in row} for row in rows],
        system=system,
        match_on=default,
        actions=wanted,
        policy=draw(st.sampled_from(tuple(POLICIES))),
        on_conflict=draw(st.sampled_from(("delete", "delete", "reject"))),
        skip_errors=draw(st.sampled_from((True, True, False))),
        batch_rows=draw(st.sampled_from((1000, 2, 5, 1))),
    )
    if not draw(st.booleans()):
        return feed
    likes = draw(st.lists(row, min_size=1, max_size=3))
    feed = replace(feed, batch_rows=draw(st.sampled_from((1000, 1000, 11))))
    before, chain = draw(st.sampled_from((0, PADS // 2, PADS))), draw(st.sampled_from((0, 1, 5)))
    for _ in range(draw(st.sampled_from((1, 1, 2)))):
        feed = padded(scenario, feed, before=before, likes=likes, chain=chain)
    return feed


def padded(
    scenario: Scenario,
    feed: Feed,
    *,
    before: int = 0,
    likes: Sequence[Mapping[str, Any]] = (),
    chain: int = 0,
) -> Feed:
    """The input among rows that mean objects of their own, so that a writer may take them as a set.

    So many of them come `before` the others. They are like `likes`, or the last row, in all but what tells
    objects apart. A `chain` lets them refer to one another: each to the one that many rows before it.
    """
    meta = scenario.model._meta
    names = set(" ".join([feed.match_on, *(str(row.get("match_on") or "") for row in feed.rows)]).split())
    names |= {of.name for of in meta.concrete_fields if of.unique} | {"external_key"}
    names |= {name for constraint in meta.total_unique_constraints for name in constraint.fields}
    own = [name for name in feed.columns if "=>" in name and _refers_to_itself(scenario, name)]
    rows = []
    for number in range(PADS):
        like = likes[number % len(likes)] if likes else feed.rows[-1]
        own_values = {name: _own_value(scenario, name, number) for name in like if name in names}
        row = dict(like) | {name: value for name, value in own_values.items() if value is not None}
        row |= {name: likes[0][name] for name in ("action_flags", "match_on") if likes and name in row}
        if chain and number >= chain:
            row |= dict.fromkeys(own, f"~{number - chain}")
        rows.append({name: row[name] for name in feed.columns if name in row})
    return replace(feed, rows=[*rows[:before], *feed.rows, *rows[before:]])


def _refers_to_itself(scenario: Scenario, column: str) -> bool:
    relation = scenario.model._meta.get_field(column.partition("=>")[0])
    return relation.many_to_one and relation.related_model is scenario.model


def _own_value(scenario: Scenario, name: str, number: int) -> Any:
    """A value that no other row has; None where it cannot be made up."""
    if name == "external_key":
        return f"~{number}"
    of = scenario.model._meta.get_field(name)
    if isinstance(of, models.UUIDField):
        return str(uuid.UUID(int=1000 + number))
    if isinstance(of, models.IntegerField):
        return 800 + number
    return f"~{number}" if isinstance(of, models.CharField) and not of.choices else None


@st.composite
def histories(draw: st.DrawFn, scenario: Scenario, most: int = 3) -> History:
    """A first state and one to `most` inputs."""
    return History(
        objects=draw(objects(scenario)),
        keys=draw(keys(scenario)),
        feeds=draw(st.lists(feeds(scenario), min_size=1, max_size=most)),
    )
