"""Records in all languages, in as few requests as their cost allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from modelsync.core.errors import Permanent
from modelsync.dato.datocms.access import Access
from modelsync.dato.datocms.asking import Wanted
from modelsync.dato.datocms.client import DatoClient
from modelsync.dato.datocms.fetching import Fetched, fetch
from modelsync.dato.datocms.schema import INTROSPECTION, Schema
from modelsync.dato.datocms.selection import Selection
from tests.dato_server import Behaviour, Field, ItemType, Server, Site, faults, serving

TYPES = (
    ItemType("tag", (Field("name", "string"),)),
    ItemType("note", (Field("name", "string", localised=True), Field("tags", "links", links=("tag",)))),
    ItemType("home_page", (Field("name", "string", localised=True),), is_singleton=True),
)


class Fetching:
    """A site, and what is wanted of it."""

    def __init__(self, server: Server, client: DatoClient) -> None:
        self.server = server
        self.edit = server.edit()
        self.client = client
        self.schema = Schema(client.ask(INTROSPECTION))

    def fill(self, many: int) -> list[str]:
        """So many notes; their ids."""
        names = ({"en": f"n{number}", "de": f"N{number}"} for number in range(many))
        return [self.edit.create("note", {"name": name}).id for name in names]

    def wanted(self, key: str = "note", *more: str) -> Wanted:
        """The name in two languages."""
        root = self.schema.root(key)
        selections = [Selection(self.schema, [root.type]) for _ in range(2)]
        for each in selections:
            each.add(["name"])
        for path in more:
            selections[0].add(path.split("."))
        return Wanted(
            root=root, selection=selections[0], locale="en", translated=selections[1], locales=("de",)
        )

    def fetch(self, ids: Sequence[str], wanted: Wanted | None = None, **given: Any) -> list[Fetched]:
        """Fetch them; what was asked before is forgotten."""
        self.server.log.clear()
        return list(fetch(self.client, wanted or self.wanted(), ids, **given))


def fetching(behaviour: Behaviour | None = None) -> Iterator[Fetching]:
    """Of an empty site."""
    site = Site(TYPES, locales=("en", "de"), token="t", behaviour=behaviour or Behaviour())
    with serving(site) as server, DatoClient(Access(token="t", url=server.url)) as client:
        yield Fetching(server, client)


@pytest.fixture
def cms() -> Iterator[Fetching]:
    """With the limit that DatoCMS has."""
    yield from fetching()


def names(found: Sequence[Fetched]) -> list[tuple[str, str]]:
    """The name in both languages."""
    return [(each.record["name"], each.translations["de"]["name"]) for each in found]


def test_all_languages_in_one_request(cms: Fetching) -> None:
    """Those that are wished, and no others; what is gone does not come."""
    ids = cms.fill(3)
    cms.edit.delete(ids[1])
    assert sorted(names(cms.fetch(ids))) == [("n0", "N0"), ("n2", "N2")]
    assert len(cms.server.log) == 1
    assert cms.fetch([]) == []
    assert cms.server.log == []


def test_many_are_read_in_pages(cms: Fetching) -> None:
    """The API gives 500 at a time."""
    ids = cms.fill(501)
    assert len(cms.fetch(ids)) == 501
    assert [len(each.records) for each in cms.server.log] == [1000, 2]


def test_a_single_instance(cms: Fetching) -> None:
    """Without a filter, which it has not."""
    made = cms.edit.create("home_page", {"name": {"en": "Home", "de": "Heim"}})
    assert names(cms.fetch([made.id], cms.wanted("home_page"))) == [("Home", "Heim")]
    cms.edit.delete(made.id)
    assert cms.fetch([made.id], cms.wanted("home_page")) == []


def test_a_query_that_is_too_complex_is_halved(cms: Fetching) -> None:
    """Until it is taken; nothing comes twice or is left out."""
    ids = cms.fill(9)
    cms.server.faults.next(faults.TooComplex(), faults.TooComplex())
    assert sorted(names(cms.fetch(ids))) == [(f"n{number}", f"N{number}") for number in range(9)]
    assert [len(each.variables["ids"]) for each in cms.server.log] == [9, 4, 2, 7]


def test_what_an_answer_cost_tells_how_much_the_next_may_have() -> None:
    """So that none is refused after the first one."""
    for cms in fetching(Behaviour(max_complexity=20_000)):
        ids = cms.fill(200)
        wanted = cms.wanted("note", "tags.name")
        assert len(cms.fetch(ids, wanted, size=10)) == 200
        assert {each.status for each in cms.server.log} == {200}
        assert all(each.complexity <= 20_000 for each in cms.server.log if each.complexity)
        assert 1 < len(cms.server.log) < 20


def test_a_record_that_is_too_complex_by_itself(cms: Fetching) -> None:
    """The error says what to do."""
    ids = cms.fill(2)
    cms.server.faults.always(faults.TooComplex())
    with pytest.raises(Permanent, match=r"a single record of allNotes is too complex .* map fewer fields"):
        cms.fetch(ids)


def test_without_languages(cms: Fetching) -> None:
    """A plan may want none, and a CMS may have none."""
    (one,) = cms.fill(1)
    wanted = replace(cms.wanted(), translated=None, locales=(), locale=None)
    (found,) = cms.fetch([one], wanted)
    assert (found.record["name"], found.translations) == ("n0", {})
