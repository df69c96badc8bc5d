"""What is selected is what comes, also of unions, and the API takes the query."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelsync.core.errors import ConfigurationError
from modelsync.dato.datocms.access import Access
from modelsync.dato.datocms.client import DatoClient
from modelsync.dato.datocms.schema import INTROSPECTION, Schema
from modelsync.dato.datocms.selection import Selection
from tests.dato_server import Editor, Field, ItemType, Server, Site, serving

TYPES = (
    ItemType("author", (Field("name", "string"),)),
    ItemType("text_block", (Field("body", "text", localised=True), Field("size", "integer")), is_block=True),
    ItemType("code_block", (Field("body", "json"), Field("size", "string")), is_block=True),
    ItemType("odd_block", (Field("body", "link", links=("author",)),), is_block=True),
    ItemType("column", (Field("parts", "rich_text", blocks=("text_block",)),), is_block=True),
    ItemType("row", (Field("parts", "rich_text", blocks=("text_block", "code_block")),), is_block=True),
    ItemType(
        "page",
        (
            Field("title", "string", localised=True),
            Field("author", "link", links=("author",)),
            Field("sections", "rich_text", blocks=("text_block", "code_block")),
            Field("layout", "rich_text", blocks=("column", "row")),
            Field("odd", "rich_text", blocks=("text_block", "odd_block")),
        ),
    ),
)


class Asking:
    """A page with all kinds of blocks, and selections of it."""

    def __init__(self, server: Server, client: DatoClient) -> None:
        self.client = client
        self.edit: Editor = server.edit()
        self.schema = Schema(client.ask(INTROSPECTION))
        self.author = self.edit.create("author", {"name": "Ada"})
        text = self.edit.block("text_block", {"body": {"en": "hello"}, "size": 3})
        inner = self.edit.block("text_block", {"body": {"en": "inner"}, "size": 4})
        deep = self.edit.block("code_block", {"body": [1], "size": "small"})
        self.edit.create(
            "page",
            {
                "title": {"en": "Title"},
                "author": self.author.id,
                "sections": [text, self.edit.block("code_block", {"body": [1, 2], "size": "big"})],
                "layout": [
                    self.edit.block("column", {"parts": [inner]}),
                    self.edit.block("row", {"parts": [deep]}),
                ],
            },
        )

    def selection(self, *paths: str) -> Selection:
        """Of pages."""
        made = Selection(self.schema, ["PageRecord"])
        for path in paths:
            made.add(path.split("."))
        return made

    def page(self, *paths: str) -> dict[str, object]:
        """The page as it comes, without the ids."""
        selection = self.selection(*paths)
        (found,) = selection.plain(self.client.ask(f"{{ allPages {selection.text()} }}")["allPages"])
        bare = _without_ids(found)
        assert isinstance(bare, dict)
        return bare


def _without_ids(said: object) -> object:
    if isinstance(said, list):
        return [_without_ids(each) for each in said]
    if isinstance(said, dict):
        assert "id" in said
        return {name: _without_ids(value) for name, value in said.items() if name != "id"}
    return said


@pytest.fixture(scope="module")
def asking() -> Iterator[Asking]:
    """Of one site for all."""
    site = Site(TYPES, token="t")
    with serving(site) as server, DatoClient(Access(token="t", url=server.url)) as client:
        yield Asking(server, client)


def test_fields_and_links(asking: Asking) -> None:
    """Of a link the id comes, and what is wished of it."""
    assert asking.page("title", "author.name") == {"title": "Title", "author": {"name": "Ada"}}
    assert asking.page("author") == {"author": {}}
    assert asking.page("author.id", "author.name", "author") == {"author": {"name": "Ada"}}


def test_blocks_of_several_types(asking: Asking) -> None:
    """Fields of one name, though their types differ; one that only some have is missing in others."""
    assert asking.page("sections.body", "sections.size") == {
        "sections": [
            {"__typename": "TextBlockRecord", "body": "hello", "size": 3},
            {"__typename": "CodeBlockRecord", "body": [1, 2], "size": "big"},
        ]
    }


def test_blocks_within_blocks(asking: Asking) -> None:
    """A field of one name may allow more types in one block than in another."""
    assert asking.page("layout.parts.body") == {
        "layout": [
            {"__typename": "ColumnRecord", "parts": [{"__typename": "TextBlockRecord", "body": "inner"}]},
            {"__typename": "RowRecord", "parts": [{"__typename": "CodeBlockRecord", "body": [1]}]},
        ]
    }


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("titel", "has no field 'titel'; did you mean 'title'"),
        ("title.text", "'title' of the CMS is a value, it has no field 'text'"),
        ("sections.bodi", "TextBlockRecord of the CMS has no field 'bodi'; did you mean 'body'"),
        ("odd.body", "'body' is not the same kind of field in TextBlockRecord, OddBlockRecord"),
    ],
)
def test_what_cannot_be_selected(asking: Asking, path: str, said: str) -> None:
    """The error names the field."""
    with pytest.raises(ConfigurationError, match=said):
        asking.selection(path)
