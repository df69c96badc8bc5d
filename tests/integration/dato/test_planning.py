"""A plan reads what is declared, and what does not fit is told with the place and the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps

from modelsync.core.errors import ConfigurationError
from modelsync.dato import SyncOptions, from_dato_path, position_in_parent
from modelsync.dato.datocms.access import Access
from modelsync.dato.datocms.client import DatoClient
from modelsync.dato.datocms.fetching import fetch
from modelsync.dato.datocms.manifest import read_manifest
from modelsync.dato.datocms.schema import INTROSPECTION, Schema
from modelsync.dato.declaring import Taken
from modelsync.dato.extracting import values
from modelsync.dato.models import DatoModel
from modelsync.dato.planning import Plan, plan
from modelsync.dato.registry import make_job
from tests.dato_server import Field, ItemType, Server, Site, serving

TYPES = (
    ItemType("tag", (Field("name", "string"),)),
    ItemType("quote", (Field("text", "text", localised=True), Field("size", "integer")), is_block=True),
    ItemType(
        "section", (Field("name", "string"), Field("quotes", "rich_text", blocks=("quote",))), is_block=True
    ),
    ItemType(
        "page",
        (
            Field("title", "string", localised=True),
            Field("tags", "links", links=("tag",)),
            Field("main_tag", "link", links=("tag",)),
            Field("sections", "rich_text", blocks=("section",)),
        ),
    ),
)
LANGUAGES = ["en", "pt-br"]


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Server, DatoClient]]:
    """One page with two sections."""
    made = Site(TYPES, locales=("en", "pt_BR"), token="t")
    with serving(made) as server, DatoClient(Access(token="t", url=server.url)) as client:
        edit = server.edit()
        tags = [edit.create("tag", {"name": name}).id for name in ("x", "y")]
        quotes = [
            edit.block("quote", {"text": {"en": f"e{n}", "pt_BR": f"p{n}"}, "size": n}) for n in range(3)
        ]
        sections = [
            edit.block("section", {"name": "first", "quotes": quotes[:2]}),
            edit.block("section", {"name": "second", "quotes": quotes[2:]}),
        ]
        title = {"en": "Title", "pt_BR": "Título"}
        edit.create("page", {"title": title, "tags": tags, "main_tag": tags[0], "sections": sections})
        yield server, client


@pytest.fixture
def model(settings: Any) -> Any:
    """A model with all kinds of fields."""
    settings.LANGUAGES = [(code, code) for code in LANGUAGES]
    with isolate_apps("tests.hub"):

        class Thing(DatoModel):
            name = models.TextField()
            name_pt_br = models.TextField()
            text_en = models.TextField()
            text_pt_br = models.TextField()
            tags = models.JSONField(default=list)
            tag_id = models.TextField()
            order = models.IntegerField()

            class Meta:
                app_label = "hub"

        return Thing


def planned(site: tuple[Server, DatoClient], model: Any, path: str, *mappings: Any) -> Plan:
    """The plan of these options."""
    options = type("Options", (SyncOptions,), {"dato_model_path": path, "field_mappings": list(mappings)})
    return plan(make_job(model, options), Schema(site[1].ask(INTROSPECTION)), LANGUAGES)


def read(site: tuple[Server, DatoClient], made: Plan) -> list[dict[str, Any]]:
    """The objects as the plan has them read, without times."""
    client, root = site[1], made.wanted.root
    ids = list(read_manifest(client, made.wanted).stamps)
    assert root.field == "allPages"
    found = []
    for fetched in fetch(client, made.wanted, ids):
        for _, got in values(fetched.record, fetched.translations, made.blocks, made.columns):
            assert got.pop("created")
            assert got.pop("modified") == fetched.record["_updatedAt"]
            found.append(got)
    return found


def test_records(site: tuple[Server, DatoClient], model: Any) -> None:
    """Languages, collected values, links."""
    made = planned(
        site,
        model,
        "page",
        "name" | from_dato_path("title", localized=True),
        "tags" | from_dato_path("tags.name"),
        "tag_id" | from_dato_path("main_tag.id"),
        "order" | position_in_parent,
    )
    assert (made.wanted.locale, made.wanted.locales, made.positions) == (
        "en",
        ("pt_BR",),
        {"order": Taken.POSITION},
    )
    (found,) = read(site, made)
    assert found.pop("tag_id")
    assert found == {"name": "Title", "name_pt_br": "Título", "tags": ["x", "y"]}


def test_blocks(site: tuple[Server, DatoClient], model: Any) -> None:
    """An absolute path leads to the record, or to the block that an object is in."""
    made = planned(
        site,
        model,
        "page.sections.quotes",
        "text" | from_dato_path("text", localized=True),
        "name" | from_dato_path("page.sections.name", absolute=True),
        "tags" | from_dato_path("page.tags", absolute=True),
        "order" | from_dato_path("size"),
    )
    found = read(site, made)
    assert [len(each.pop("tags")) for each in found] == [2, 2, 2]
    assert found == [
        {"text_en": f"e{n}", "text_pt_br": f"p{n}", "name": name, "order": n}
        for n, name in enumerate(("first", "first", "second"))
    ]


def test_without_languages(site: tuple[Server, DatoClient], model: Any) -> None:
    """Nothing is selected in other languages; what has some comes in the default one."""
    made = planned(site, model, "page", "name" | from_dato_path("title"))
    assert (made.wanted.translated, made.wanted.locales) == (None, ())
    assert read(site, made) == [{"name": "Title"}]


@pytest.mark.parametrize(
    ("path", "mapping", "said"),
    [
        ("pages", "name", r"the CMS has no model 'pages'; did you mean 'page'"),
        (
            "page.section",
            "name",
            r"dato_model_path: PageRecord .* no field 'section'; did you mean 'sections'",
        ),
        ("page.title", "name", r"dato_model_path ends in 'title', which is a value"),
        ("page", "name", r"the path 'name' of 'name': PageRecord of the CMS has no field 'name'"),
        ("page", "name" | from_dato_path("tags.name"), r"leads to many values, and 'name' holds one"),
        ("section", "name", r"'section' is a block of the CMS"),
    ],
)
def test_what_does_not_fit(
    site: tuple[Server, DatoClient], model: Any, path: str, mapping: Any, said: str
) -> None:
    """The error names the options, the place, and what to write instead."""
    with pytest.raises(ConfigurationError, match=said):
        planned(site, model, path, mapping)


def test_a_language_that_the_cms_has_not(site: tuple[Server, DatoClient], model: Any) -> None:
    """The error says which it has."""
    options = type("O", (SyncOptions,), {"dato_model_path": "page", "field_mappings": ["tags"]})
    with pytest.raises(ConfigurationError, match="no locale for the language 'fr': it has en, pt_BR"):
        plan(make_job(model, options), Schema(site[1].ask(INTROSPECTION)), ["fr"])
