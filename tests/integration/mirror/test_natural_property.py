"""Random graphs without primary keys, random divergence here: what is equal by natural keys is one object."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from django.core import serializers
from django.db import connection, models, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from modelsync.core.results import Report
from modelsync.formats.wire import ModelHeader, make_header
from modelsync.pulling import PullOptions, pull
from tests.integration.mirror.test_mirror import Remote
from tests.integration.mirror.test_property import examples
from tests.integration.mirror.test_property import trying as trying_often
from tests.named.models import Account, Folder, Page, Place, Remark, Restaurant, Token, Topic

pytestmark = [pytest.mark.django_db, pytest.mark.database]

# Django's own deserializer, which makes the tables, takes its time.
trying = settings(trying_often, max_examples=max(1, examples() // 8))
#: Model -> natural key -> fields, as the wire has them.
Graph = dict[type[models.Model], dict[tuple[Any, ...], dict[str, Any]]]
#: What others refer to comes before them.
MODELS = (Topic, Page, Remark, Token, Account, Folder, Place, Restaurant)
MANY = {Topic: ("related",), Account: ("topics",), Place: ("words",)}
CODES = ("00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002")
PATHS = (("a",), ("b",), ("a", "a"), ("a", "b"), ("a", "b", "a"), ("b", "a"))


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A few objects of every model that name one another in every possible way."""

    def some(keys: Iterable[Any]) -> list[Any]:
        keys = sorted(keys, key=str)
        return draw(st.lists(st.sampled_from(keys), unique=True)) if keys else []

    def maybe(keys: list[Any]) -> Any:
        return draw(st.none() | st.sampled_from(keys)) if keys else None

    def text() -> str:
        return draw(st.sampled_from("xy"))

    slugs = some("abc")
    pages = some((slug, number) for slug in slugs for number in (1, 2))
    remarks = some((*page, code) for page in pages for code in CODES)
    tokens = some((name, slug) for name in "ab" for slug in (*slugs, None))
    paths = some(PATHS)
    closed = {path[:length] for path in paths for length in range(1, len(path) + 1)}
    places = some("pq")
    accounts = [draw(st.sampled_from((email, email.upper()))) for email in some(("ada", "bob"))]
    return {
        Topic: {
            (slug,): {
                "slug": slug,
                "title": text(),
                "parent": _list(maybe([(each,) for each in slugs])),
                "best": _list(maybe(pages)),
                "related": [[each] for each in some(slugs)],
            }
            for slug in slugs
        },
        Page: {key: {"topic": [key[0]], "number": key[1], "text": text()} for key in pages},
        Remark: {key: {"page": [*key[:2]], "code": key[2], "text": text()} for key in remarks},
        Token: {key: {"topic": key[1] and [key[1]], "name": key[0], "note": text()} for key in tokens},
        Account: {
            (email,): {"email": email, "name": text(), "topics": [[each] for each in some(slugs)]}
            for email in accounts
        },
        Folder: {path: {"name": path[-1], "parent": _list(path[:-1] or None)} for path in sorted(closed)},
        Place: {(name,): {"name": name, "words": []} for name in places},
        Restaurant: {
            (name,): {
                "place_ptr": [name],
                "stars": draw(st.integers(0, 2)),
                "chef": _list(maybe([(a,) for a in accounts])),
            }
            for name in some(places)
        },
    }


def _list(key: tuple[Any, ...] | None) -> list[Any] | None:
    return None if key is None else list(key)


def objects(graph: Graph) -> list[dict[str, Any]]:
    """As `dumpdata` has them."""
    return [
        {"model": model._meta.label_lower, "fields": row}
        for model, rows in graph.items()
        for row in rows.values()
    ]


def put(graph: Graph) -> None:
    """As `loaddata` has it: forward references are put in at the end."""
    with connection.constraint_checks_disabled():
        later = []
        for found in serializers.deserialize("python", objects(graph), handle_forward_references=True):
            found.save()
            later += [found] if found.deferred_fields else []
        for found in later:
            found.save_deferred_fields()
    connection.check_constraints()


def held() -> Graph:
    """What the tables hold."""
    graph: Graph = {}
    for model in MODELS:
        found = list(model._base_manager.order_by("pk"))
        rows = serializers.serialize(
            "python", found, use_natural_foreign_keys=True, use_natural_primary_keys=True
        )
        graph[model] = {
            tuple(each.natural_key()): {name: _plain(value) for name, value in row["fields"].items()}  # type: ignore[attr-defined]  # all have it
            for each, row in zip(found, rows, strict=True)
        }
    return wanted(graph)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, int) else str(value)


def wanted(graph: Graph) -> Graph:
    """The same with relations in order."""
    return {
        model: {
            key: {
                name: sorted(value) if name in MANY.get(model, ()) else value for name, value in row.items()
            }
            for key, row in rows.items()
        }
        for model, rows in graph.items()
    }


def keys() -> dict[tuple[Any, ...], Any]:
    """Natural keys, as they are compared, and primary keys."""
    return {
        (model, *_compared(model, each.natural_key())): each.pk  # type: ignore[attr-defined]  # all have it
        for model in MODELS
        for each in model._base_manager.all()
    }


def _compared(model: type[models.Model], key: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(part.lower() if model is Account else part for part in key)


def stream(graph: Graph, chance: random.Random) -> Remote:
    """The objects of a graph in any order, though each model's together; with a header, or without."""
    order = chance.sample(MODELS, len(MODELS))
    rows = []
    for model in order:
        some = list(graph[model].values())
        chance.shuffle(some)
        rows += [(model._meta.label_lower, {"pk": None, **row}) for row in some]
    headers = tuple(
        ModelHeader(
            model=model._meta.label_lower,
            fields=tuple(f.name for f in model._meta.local_concrete_fields if f.name != "id"),
            many=MANY.get(model, ()),
        )
        for model in order
    )
    return Remote(*rows, batch_rows=chance.choice([1, 2, 1000]), header=make_header(headers, len(rows)))


def pulled(there: Graph, chance: random.Random, *, clean: bool) -> Report:
    """The report of a pull; what was here with the same natural keys has its primary keys still."""
    before = keys()
    report = pull(stream(there, chance), PullOptions(clean=clean, allow_empty=True))
    assert report.ok, [report.error, *map(str, report.rejections)]
    connection.check_constraints()
    after = keys()
    assert {key: after[key] for key in before.keys() & after.keys()} == {
        key: before[key] for key in before.keys() & after.keys()
    }
    return report


@trying
@given(here=graphs(), there=graphs(), chance=st.randoms(use_true_random=False))
def test_after_a_clean_pull_the_tables_are_equal(here: Graph, there: Graph, chance: random.Random) -> None:
    """Whatever was here before; and a second pull writes nothing."""
    with transaction.atomic():
        put(here)
        pulled(there, chance, clean=True)
        assert held() == wanted(there)
        again = pulled(there, chance, clean=True)
        assert (again.unchanged, again.removed) == (again.total, 0)
        transaction.set_rollback(True)


@trying
@given(here=graphs(), there=graphs(), chance=st.randoms(use_true_random=False))
def test_a_pull_without_clean_leaves_the_others_alone(
    here: Graph, there: Graph, chance: random.Random
) -> None:
    """What was sent is as it was sent, the others are as they were."""
    with transaction.atomic():
        put(here)
        pulled(there, chance, clean=False)
        merged = wanted({model: here[model] | there[model] for model in MODELS})
        sent = {key[0].lower(): key[0] for key in there[Account]}
        for key in list(merged[Account]):
            name = sent.get(key[0].lower(), key[0])
            if name != key[0]:
                del merged[Account][key]
        for row in merged[Restaurant].values():
            row["chef"] = row["chef"] and [sent.get(row["chef"][0].lower(), row["chef"][0])]
        assert held() == merged
        assert pulled(there, chance, clean=False).unchanged == sum(map(len, there.values()))
        transaction.set_rollback(True)
