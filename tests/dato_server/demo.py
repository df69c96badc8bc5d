"""A small site to look at: posts in three languages, authors, blocks, pictures, categories, a home page."""

from __future__ import annotations

import struct
import zlib

from tests.dato_server.content import Field, File, ItemType, StructuredText, Upload
from tests.dato_server.editing import Editor
from tests.dato_server.site import Site

_TYPES = (
    ItemType(
        "author",
        (Field("name", "string"), Field("biography", "text", localised=True), Field("portrait", "file")),
    ),
    ItemType(
        "category",
        (Field("name", "string", localised=True), Field("slug", "slug")),
        is_tree=True,
        has_drafts=False,
    ),
    ItemType("text_block", (Field("text", "text", localised=True),), is_block=True),
    ItemType("image_block", (Field("image", "file"), Field("caption", "string")), is_block=True),
    ItemType(
        "blog_post",
        (
            Field("title", "string", localised=True),
            Field("slug", "slug"),
            Field("date", "date"),
            Field("is_featured", "boolean"),
            Field("author", "link", links=("author",)),
            Field("categories", "links", links=("category",)),
            Field("content", "rich_text", blocks=("text_block", "image_block")),
            Field("summary", "structured_text", links=("author", "blog_post"), blocks=("image_block",)),
            Field("gallery", "gallery"),
        ),
    ),
    ItemType(
        "home_page",
        (
            Field("headline", "string", localised=True),
            Field("featured", "links", links=("blog_post",)),
            Field("hero", "single_block", blocks=("image_block",)),
        ),
        is_singleton=True,
    ),
)
_TITLES = (
    {"en": "Slow trains", "de": "Langsame Züge", "pt_BR": "Trens lentos"},
    {"en": "A walk in the hills", "de": "Ein Gang in den Hügeln"},
    {"en": "Bread", "de": "Brot", "pt_BR": "Pão"},
)


def demo_site() -> Site:
    """The site, always with the same ids, texts and times."""
    site = Site(_TYPES, locales=("en", "de", "pt_BR"), token="demo-token")
    edit = Editor(site)
    pictures = [_picture(edit, number) for number in range(1, 4)]
    authors = [
        edit.create("author", {"name": name, "biography": {"en": text}, "portrait": pictures[0].id}).id
        for name, text in (("Ana Reis", "Writes about railways."), ("Jon Holm", "Bakes, and walks."))
    ]
    journeys = edit.create("category", {"name": {"en": "Journeys", "de": "Reisen"}, "slug": "journeys"})
    by_rail = {"name": {"en": "By rail", "de": "Mit der Bahn"}, "slug": "by-rail"}
    rail = edit.create("category", by_rail, parent=journeys.id)
    food = edit.create("category", {"name": {"en": "Food", "de": "Essen"}, "slug": "food"})
    filed = ([rail.id], [journeys.id], [food.id])
    posts = [_post(edit, number, authors[number % 2], filed[number], pictures) for number in range(3)]
    home = {"en": "Travels at home", "de": "Reisen zu Hause", "pt_BR": "Viagens em casa"}
    hero = edit.block("image_block", {"image": pictures[2].id, "caption": "The valley"})
    edit.create("home_page", {"headline": home, "featured": posts[:2], "hero": hero})
    edit.create("blog_post", {"title": {"en": "Not yet finished"}, "slug": "draft"}, publish=False)
    return site


def _post(edit: Editor, number: int, author: str, categories: list[str], pictures: list[Upload]) -> str:
    title = _TITLES[number]
    text = {locale: f"{each}. {each}!" for locale, each in title.items()}
    blocks = [
        edit.block("text_block", {"text": text}),
        edit.block("image_block", {"image": File(pictures[number].id, alt=title["en"]), "caption": "Seen"}),
    ]
    link = {"type": "itemLink", "item": author, "children": [{"type": "span", "value": "the author"}]}
    words = [{"type": "span", "value": "By "}, link]
    document = {"type": "root", "children": [{"type": "paragraph", "children": words}]}
    content = {
        "title": title,
        "slug": title["en"].lower().replace(" ", "-"),
        "date": f"2024-0{number + 1}-15",
        "is_featured": number == 0,
        "author": author,
        "categories": categories,
        "content": blocks,
        "summary": StructuredText({"schema": "dast", "document": document}),
        "gallery": [each.id for each in pictures[: number + 1]],
    }
    return edit.create("blog_post", content).id


def _picture(edit: Editor, number: int) -> Upload:
    alt = {"en": f"Picture {number}", "de": f"Bild {number}"}
    return edit.upload(f"picture-{number}.png", png(number * 2, 3), size=(number * 2, 3), alt=alt)


def png(width: int, height: int) -> bytes:
    """A grey picture that programs can open."""
    rows = b"".join(b"\0" + b"\x80" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
