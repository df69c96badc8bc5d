"""What fields show: values of every kind, languages, blocks, links, assets, trees."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from typing import Any

from tests.dato_server import Behaviour, Color, File, LatLon, StructuredText
from tests.integration.dato_server.asking import Client, asking, new_site


def post(client: Client, what: str, headers: dict[str, str] | None = None) -> Any:
    """A part of the only post."""
    return client.ask(f"{{ blogPost {{ {what} }} }}", headers=headers)["blogPost"]


def test_simple_values_are_shown_as_they_are(client: Client) -> None:
    """Times with a zone, colours with their ways to be written."""
    client.edit.create(
        "blog_post",
        {
            "slug": "one",
            "rating": 5,
            "weight": 0.5,
            "is_featured": False,
            "day": date(2024, 2, 29),
            "starts_at": datetime(2024, 2, 29, 12, 30, 15, tzinfo=UTC),
            "extra": {"a": [1, None, {"b": "ü"}]},
            "paint": Color(255, 0, 16),
            "place": LatLon(45.5, -9.25),
        },
    )
    parts = "slug rating weight isFeatured day startsAt extra paint { hex red alpha cssRgb }"
    assert post(client, f"{parts} place {{ latitude longitude }}") == {
        "slug": "one",
        "rating": 5,
        "weight": 0.5,
        "isFeatured": False,
        "day": "2024-02-29",
        "startsAt": "2024-02-29T12:30:15+00:00",
        "extra": {"a": [1, None, {"b": "ü"}]},
        "paint": {"hex": "#ff0010", "red": 255, "alpha": 255, "cssRgb": "rgb(255 0 16 / 1)"},
        "place": {"latitude": 45.5, "longitude": -9.25},
    }


def test_what_is_empty_is_null_and_lists_are_empty(client: Client) -> None:
    """Lists are never null."""
    client.edit.create("blog_post", {})
    query = "title slug paint { hex } author { id } lead { id } body { value } pictures { id } notes { id }"
    assert post(client, f"{query} related {{ __typename }} content {{ __typename }} coverImage {{ id }}") == {
        **dict.fromkeys(("title", "slug", "paint", "author", "lead", "body", "coverImage")),
        **{name: [] for name in ("pictures", "notes", "related", "content")},
    }


def test_aliases_fetch_all_languages_at_once(client: Client) -> None:
    """The first locale is the default; what is missing is null, and no other language stands in by itself."""
    client.edit.create("blog_post", {"title": {"en": "Bread", "pt_BR": "Pão"}})
    assert post(client, "title title_de: title(locale: de) title_pt: title(locale: pt_BR)") == {
        "title": "Bread",
        "title_de": None,
        "title_pt": "Pão",
    }
    assert post(client, "_locales _allTitleLocales { locale value }") == {
        "_locales": ["en", "pt_BR"],
        "_allTitleLocales": [{"locale": "en", "value": "Bread"}, {"locale": "pt_BR", "value": "Pão"}],
    }


def test_fallbacks_stand_in_for_what_is_empty(client: Client) -> None:
    """In their order, and for empty texts too."""
    client.edit.create("blog_post", {"title": {"en": "Bread", "de": "", "pt_BR": "Pão"}})
    assert post(client, "a: title(locale: de) b: title(locale: de, fallbackLocales: [pt_BR, en])") == {
        "a": "",
        "b": "Pão",
    }


def test_a_locale_is_good_for_all_that_is_within(client: Client) -> None:
    """That of the root for the whole, that of a field for what it shows."""
    author = client.edit.create("author", {"name": "Ada", "bio": {"en": "E", "de": "D"}})
    block = client.edit.block("text_block", {"text": {"en": "e", "de": "d"}})
    client.edit.create("blog_post", {"author": author.id, "content": {"en": [block], "de": [block]}})
    query = "blogPost%s { author { bio } content%s { ... on TextBlockRecord { text } } }"
    both = client.ask(f"{{ a: {query % ('(locale: de)', '')} b: {query % ('', '(locale: de)')} }}")
    assert both == {
        "a": {"author": {"bio": "D"}, "content": [{"text": "d"}]},
        "b": {"author": {"bio": "E"}, "content": [{"text": "d"}]},
    }


def test_localised_blocks_may_differ_by_language(client: Client) -> None:
    """Their ids tell which belong together, not their places."""
    one, two = (client.edit.block("text_block", {"text": {"en": each, "de": each}}) for each in "12")
    client.edit.create("blog_post", {"content": {"en": [one, two], "de": [two]}})
    both = (
        "en: content { ... on RecordInterface { id } } de: content(locale: de) { ...on TextBlockRecord {id} }"
    )
    assert post(client, both) == {"en": [{"id": one.id}, {"id": two.id}], "de": [{"id": two.id}]}


def test_blocks_are_records_of_their_own(client: Client) -> None:
    """Of several types, nested, with their own ids and times."""
    client.server.site.clock.advance(60)
    inner = client.edit.block("text_block", {"text": {"en": "inner"}})
    client.server.site.clock.advance(60)
    quote = client.edit.block("quote_block", {"quote": "Q", "inner": [inner]})
    text = client.edit.block("text_block", {"text": {"en": "T"}})
    client.edit.create("blog_post", {"content": {"en": [quote, text]}, "lead": text, "notes": [text]})
    parts = """
        lead { id text } notes { id _modelApiKey }
        content {
            __typename
            ... on RecordInterface { id _createdAt }
            ... on QuoteBlockRecord { quote inner { id text _createdAt _status } }
        }
    """
    assert post(client, parts) == {
        "lead": {"id": text.id, "text": "T"},
        "notes": [{"id": text.id, "_modelApiKey": "text_block"}],
        "content": [
            {
                "__typename": "QuoteBlockRecord",
                "id": quote.id,
                "_createdAt": "2024-05-17T08:32:00+00:00",
                "quote": "Q",
                "inner": [
                    {
                        "id": inner.id,
                        "text": "inner",
                        "_createdAt": "2024-05-17T08:31:00+00:00",
                        "_status": "published",
                    }
                ],
            },
            {"__typename": "TextBlockRecord", "id": text.id, "_createdAt": "2024-05-17T08:32:00+00:00"},
        ],
    }


def test_links_lead_to_what_is_visible(client: Client) -> None:
    """Drafts, deleted records and those that were never there are null, or left out of lists."""
    seen = client.edit.create("author", {"name": "seen"})
    draft = client.edit.create("author", {"name": "draft"}, publish=False)
    gone = client.edit.create("author", {"name": "gone"})
    client.edit.create("blog_post", {"author": draft.id, "related": [gone.id, draft.id, seen.id, "never"]})
    client.edit.delete(gone.id)
    query = "author { name } related { ... on AuthorRecord { name } }"
    assert post(client, query) == {"author": None, "related": [{"name": "seen"}]}
    assert post(client, query, {"X-Include-Drafts": "true"}) == {
        "author": {"name": "draft"},
        "related": [{"name": "draft"}, {"name": "seen"}],
    }


def test_links_lead_to_no_record_of_another_model(client: Client) -> None:
    """As is left where a field allowed it once."""
    other = client.edit.create("category", {"name": "other"})
    client.edit.create("blog_post", {"author": other.id, "related": [other.id]})
    assert post(client, "author { id } related { __typename }") == {"author": None, "related": []}


def test_structured_text_has_its_value_and_what_it_names(client: Client) -> None:
    """Links once each; one to a draft is in the value only."""
    seen = client.edit.create("author", {"name": "seen"})
    draft = client.edit.create("author", {"name": "draft"}, publish=False)
    block = client.edit.block("quote_block", {"quote": "Q"})
    inline = client.edit.block("text_block", {"text": {"en": "I"}})
    nodes: list[dict[str, Any]] = [
        {"type": "itemLink", "item": seen.id, "children": []},
        {"type": "inlineItem", "item": seen.id},
        {"type": "inlineItem", "item": draft.id},
        {"type": "inlineBlock", "item": inline.id},
    ]
    paragraph = {"type": "paragraph", "children": nodes}
    children = [paragraph, {"type": "block", "item": block.id}]
    value = {"schema": "dast", "document": {"type": "root", "children": children}}
    client.edit.create("blog_post", {"body": StructuredText(value, (block,), (inline,))})
    query = (
        "body { value blocks { id quote } inlineBlocks { id text } links { ... on AuthorRecord { name } } }"
    )
    assert post(client, query) == {
        "body": {
            "value": value,
            "blocks": [{"id": block.id, "quote": "Q"}],
            "inlineBlocks": [{"id": inline.id, "text": "I"}],
            "links": [{"name": "seen"}],
        }
    }


def test_assets_are_served(client: Client) -> None:
    """With what is known of them; texts of the field stand before those of the asset."""
    made = client.edit.upload("ä b.png", b"bytes", size=(4, 3), alt={"en": "E", "de": "D"})
    client.edit.create("blog_post", {"cover_image": File(made.id, alt="own"), "pictures": [made.id]})
    what = "{ id url md5 filename size width height alt title mimeType format alt_de: alt(locale: de) }"
    shown = post(client, f"coverImage {what} pictures {what}")
    assert shown["coverImage"] == {
        "id": made.id,
        "url": f"{client.server.address}/assets/{made.id}/1/ä b.png",
        "md5": hashlib.md5(b"bytes").hexdigest(),
        "filename": "ä b.png",
        "size": 5,
        "width": 4,
        "height": 3,
        "alt": "own",
        "title": None,
        "mimeType": "image/png",
        "format": "png",
        "alt_de": "own",
    }
    assert shown["pictures"] == [{**shown["coverImage"], "alt": "E", "alt_de": "D"}]
    said = client.http.get(shown["coverImage"]["url"])
    assert (said.content, said.headers["Content-Type"]) == (b"bytes", "image/png")
    assert client.server.downloads == [made.path]
    assert client.http.get(f"{client.server.address}/assets/none/1/a.png").status_code == 404


def test_a_replaced_asset_has_another_address(client: Client) -> None:
    """Under the same id, while the records that show it do not move; a deleted one is null."""
    made = client.edit.upload("a.txt", b"old")
    client.edit.create("blog_post", {"cover_image": made.id})
    query = "_updatedAt coverImage { id url md5 }"
    old = post(client, query)
    client.edit.replace_upload(made.id, b"new")
    new = post(client, query)
    assert new["_updatedAt"] == old["_updatedAt"]
    assert new["coverImage"]["id"] == made.id
    assert new["coverImage"]["md5"] == hashlib.md5(b"new").hexdigest()
    assert client.http.get(old["coverImage"]["url"]).status_code == 404
    assert client.http.get(new["coverImage"]["url"]).content == b"new"
    client.edit.delete_upload(made.id)
    assert post(client, "coverImage { id }") == {"coverImage": None}


def test_all_assets_can_be_listed(client: Client) -> None:
    """With count, filter and order."""
    ids = [client.edit.upload(f"{each}.txt", b"x").id for each in range(3)]
    query = """query ($ids: [UploadId]) {
        allUploads(orderBy: id_ASC, first: 2) { id }
        some: allUploads(filter: {id: {in: $ids}}) { id }
        upload(filter: {id: {in: $ids}}) { filename }
        _allUploadsMeta { count }
    }"""
    assert client.ask(query, {"ids": [ids[1]]}) == {
        "allUploads": [{"id": each} for each in sorted(ids)[:2]],
        "some": [{"id": ids[1]}],
        "upload": {"filename": "1.txt"},
        "_allUploadsMeta": {"count": 3},
    }


def test_trees_have_parents_and_children(client: Client) -> None:
    """Children are in the order of their positions; a draft parent is null."""
    edit = client.edit
    top = edit.create("category", {"name": "top"})
    one, two = (edit.create("category", {"name": each}, parent=top.id) for each in ("one", "two"))
    edit.reorder([two.id, one.id])
    query = "{ allCategories(orderBy: name_ASC) { name position parent { name } children { name } } }"
    assert client.ask(query)["allCategories"] == [
        {"name": "one", "position": 2, "parent": {"name": "top"}, "children": []},
        {"name": "top", "position": 1, "parent": None, "children": [{"name": "two"}, {"name": "one"}]},
        {"name": "two", "position": 1, "parent": {"name": "top"}, "children": []},
    ]
    edit.move(one.id, None)
    edit.unpublish(top.id)
    assert client.ask(query)["allCategories"] == [
        {"name": "one", "position": 2, "parent": None, "children": []},
        {"name": "two", "position": 1, "parent": None, "children": []},
    ]


def test_singletons_are_one_or_nothing(client: Client) -> None:
    """By their api_key."""
    assert client.ask("{ homePage { headline } }") == {"homePage": None}
    client.edit.create("home_page", {"headline": {"de": "Hallo"}})
    assert client.ask("{ homePage(locale: de) { headline } }") == {"homePage": {"headline": "Hallo"}}


def test_stamps_have_the_precision_and_the_zone_of_the_site() -> None:
    """Whole seconds in UTC if nothing is said."""
    with asking(new_site(Behaviour(milliseconds=True, offset=120))) as client:
        client.edit.create("author", {})
        assert client.ask("{ author { _updatedAt _publishedAt } }")["author"] == {
            "_updatedAt": "2024-05-17T10:30:01.007+02:00",
            "_publishedAt": "2024-05-17T10:30:02.014+02:00",
        }
