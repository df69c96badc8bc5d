"""Which records there are, whatever happens while they are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from modelsync.core.errors import Permanent
from modelsync.dato.datocms.access import Access
from modelsync.dato.datocms.asking import Wanted
from modelsync.dato.datocms.client import DatoClient
from modelsync.dato.datocms.manifest import PAGE, PAGES, Manifest, present, read_manifest
from modelsync.dato.datocms.schema import INTROSPECTION, Schema
from modelsync.dato.datocms.selection import Selection
from tests.dato_server import Behaviour, Editor, Field, File, ItemType, Server, Site, faults, serving

TYPES = (
    ItemType("author", (Field("name", "string"),)),
    ItemType("quote", (Field("text", "text", localised=True),), is_block=True),
    ItemType("note", (Field("name", "string"),)),
    ItemType("task", (Field("name", "string"),), is_sortable=True),
    ItemType("home_page", (Field("name", "string"),), is_singleton=True),
    ItemType(
        "post",
        (
            Field("author", "link", links=("author",)),
            Field("image", "file"),
            Field("quotes", "rich_text", localised=True, blocks=("quote",)),
        ),
    ),
)


class Reader:
    """Reads the manifests of a site."""

    def __init__(self, server: Server, client: DatoClient) -> None:
        self.server = server
        self.edit: Editor = server.edit()
        self.client = client
        self.schema = Schema(client.ask(INTROSPECTION))

    def fill(self, many: int) -> list[str]:
        """So many notes; their ids."""
        return [self.edit.create("note", {"name": str(number)}).id for number in range(many)]

    def wanted(self, key: str, *paths: str) -> Wanted:
        """What is wanted of a model, in two languages."""
        root = self.schema.root(key)
        selection, translated = (Selection(self.schema, [root.type]) for _ in range(2))
        for path in paths:
            selection.add(path.split("."))
            translated.add(path.split("."))
        return Wanted(root=root, selection=selection, locale="en", translated=translated, locales=("de",))

    def read(self, key: str = "note", *paths: str, expected: int = 0, most: int = PAGES) -> Manifest:
        """The manifest of a model; what was asked before is forgotten."""
        self.server.log.clear()
        return read_manifest(self.client, self.wanted(key, *paths), expected, most=most)


@pytest.fixture
def reader() -> Iterator[Reader]:
    """Of an empty site where nothing moves the time of a record but its own edits."""
    behaviour = Behaviour(block_moves_record=False)
    site = Site(TYPES, locales=("en", "de"), token="t", behaviour=behaviour)
    with serving(site) as server, DatoClient(Access(token="t", url=server.url)) as client:
        yield Reader(server, client)


@pytest.mark.parametrize("many", [0, 1, PAGE, PAGE + 1])
def test_all_records_come(reader: Reader, many: int) -> None:
    """With two requests where nothing is known, and one where it is about known."""
    ids = reader.fill(many)
    manifest = reader.read()
    assert (set(manifest.stamps), manifest.is_complete) == (set(ids), True)
    assert len(reader.server.log) == (2 if many > PAGE else 1)
    assert reader.read(expected=many) == manifest
    assert len(reader.server.log) == 1


def test_a_stamp_changes_with_its_record(reader: Reader) -> None:
    """By an edit, and by publishing, which does not move the time of the edit."""
    (one, other) = reader.fill(2)
    before = reader.read().stamps
    reader.edit.update(one, {"name": "new"})
    reader.edit.publish(one)
    after = reader.read().stamps
    assert before[one] != after[one]
    assert before[other] == after[other]
    reader.edit.publish(other)
    assert reader.read().stamps[other] != after[other]


def test_a_new_order_is_seen(reader: Reader) -> None:
    """Though it moves no time."""
    ids = [reader.edit.create("task", {"name": name}).id for name in "abc"]
    before = reader.read("task").stamps
    reader.edit.reorder(ids[::-1])
    assert reader.read("task").stamps != before


@pytest.mark.parametrize("what", ["author", "image", "block", "german block"])
def test_changes_that_do_not_move_the_record(reader: Reader, what: str) -> None:
    """Of what is linked, of files, and of blocks, also of those in another language; if that is read."""
    reader.client = DatoClient(replace(reader.client.access, drafts=True))  # publishing would move a time
    author = reader.edit.create("author", {"name": "Ada"})
    asset = reader.edit.upload("a.png", b"one")
    blocks = [reader.edit.block("quote", {"text": {"en": "x", "de": "y"}}) for _ in range(2)]
    fields = {"author": author.id, "image": File(asset.id), "quotes": {"en": blocks[:1], "de": blocks[1:]}}
    post = reader.edit.create("post", fields)
    everything = ("author.name", "image.url", "quotes.text")
    read, apart = reader.read("post", *everything), reader.read("post")
    match what:
        case "author":
            reader.edit.update(author.id, {"name": "Bea"})
        case "image":
            reader.edit.replace_upload(asset.id, b"two")
        case _:
            number = int(what == "german block")
            reader.edit.update_block(post.id, blocks[number].id, {"text": {"en": "new", "de": "neu"}})
    with reader.client:
        assert reader.read("post") == apart
        assert reader.read("post", *everything) != read


def test_a_single_instance(reader: Reader) -> None:
    """There is one, or none."""
    assert reader.read("home_page") == Manifest(stamps={}, is_complete=True)
    made = reader.edit.create("home_page", {"name": "a"})
    assert set(reader.read("home_page").stamps) == {made.id}


def test_an_edit_while_it_is_read(reader: Reader) -> None:
    """A record that is deleted shifts others past the border of a page: they are read again."""
    ids = sorted(reader.fill(PAGE + 3))
    reader.server.faults.before(2, lambda: reader.edit.delete(ids[0]))
    manifest = reader.read()
    assert (set(manifest.stamps), manifest.is_complete) == (set(ids[1:]), True)


def test_too_many_for_one_request(reader: Reader) -> None:
    """They are read until they come twice the same; an edit in between, which no count shows, is seen."""
    ids = sorted(reader.fill(PAGE + 3))
    manifest = reader.read(expected=PAGE + 3, most=1)
    assert (set(manifest.stamps), manifest.is_complete, len(reader.server.log)) == (set(ids), True, 4)
    reader.server.faults.before(2, lambda: reader.edit.delete(ids[0]))
    manifest = reader.read(expected=PAGE + 3, most=1)
    assert (set(manifest.stamps), manifest.is_complete, len(reader.server.log)) == (set(ids[1:]), True, 6)


def test_one_that_grows_all_the_time_is_not_complete(reader: Reader) -> None:
    """Then nobody may conclude that a record is gone."""

    def again() -> None:
        reader.fill(PAGE)
        reader.server.faults.before(1, again)

    reader.fill(1)
    reader.server.faults.before(1, again)
    assert not reader.read().is_complete


def test_what_costs_too_much_is_read_in_parts(reader: Reader) -> None:
    """Fewer pages at a time, then; where a single one costs too much, the error says what to do."""
    ids = reader.fill(PAGE * 2 + 1)
    reader.server.faults.next(faults.TooComplex())
    manifest = reader.read(expected=PAGE * 3)
    assert (set(manifest.stamps), manifest.is_complete) == (set(ids), True)
    assert len(reader.server.log) == 1 + 3 * 2
    reader.server.faults.always(faults.TooComplex())
    with pytest.raises(Permanent, match=r"500 records of allNotes are too complex .* map fewer fields"):
        reader.read()


def test_many_pages_are_few_requests(reader: Reader) -> None:
    """And none costs more than the API allows."""
    reader.fill(PAGE * 4 + 1)
    assert len(reader.read(expected=PAGE * 4).stamps) == PAGE * 4 + 1
    assert len(reader.server.log) == 2
    assert all((each.complexity or 0) < 10_000_000 / PAGES for each in reader.server.log)


def test_what_is_there(reader: Reader) -> None:
    """Of records that are asked for by name, in chunks; of a single instance, too."""
    ids = reader.fill(PAGE + 5)
    root = reader.schema.root("note")
    reader.edit.delete(ids[0])
    reader.edit.unpublish(ids[-1])
    assert present(reader.client, root, ids) == set(ids[1:-1])
    page = reader.edit.create("home_page", {"name": "a"})
    single = reader.schema.root("home_page")
    assert present(reader.client, single, [page.id, "other"]) == {page.id}
