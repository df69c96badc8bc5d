"""A client that asks the server as any other does, and a content model to ask about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx2

from tests.dato_server import Behaviour, Field, ItemType, Server, Site, serving

TYPES = (
    ItemType("author", (Field("name", "string"), Field("bio", "text", localised=True))),
    ItemType("text_block", (Field("text", "text", localised=True),), is_block=True),
    ItemType(
        "quote_block",
        (Field("quote", "string"), Field("inner", "rich_text", blocks=("text_block",))),
        is_block=True,
    ),
    ItemType(
        "blog_post",
        (
            Field("title", "string", localised=True),
            Field("slug", "slug"),
            Field("rating", "integer"),
            Field("weight", "float"),
            Field("is_featured", "boolean"),
            Field("day", "date"),
            Field("starts_at", "date_time"),
            Field("extra", "json"),
            Field("paint", "color"),
            Field("place", "lat_lon"),
            Field("author", "link", links=("author",)),
            Field("related", "links", links=("author", "blog_post")),
            Field("cover_image", "file"),
            Field("pictures", "gallery"),
            Field("lead", "single_block", blocks=("text_block",)),
            Field("content", "rich_text", localised=True, blocks=("text_block", "quote_block")),
            Field("notes", "rich_text", blocks=("text_block",)),
            Field(
                "body",
                "structured_text",
                links=("author", "blog_post"),
                blocks=("quote_block",),
                inline_blocks=("text_block",),
            ),
        ),
    ),
    ItemType("category", (Field("name", "string"),), is_tree=True),
    ItemType("task", (Field("name", "string"),), is_sortable=True),
    ItemType("setting", (Field("name", "string"),), has_drafts=False),
    ItemType("home_page", (Field("headline", "string", localised=True),), is_singleton=True),
)


class Client:
    """Asks one server, with the right token if no header says otherwise."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.edit = server.edit()
        # Reading certificates would take longer than most tests.
        self.http = httpx2.Client(timeout=10, verify=False, trust_env=False)

    def post(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        """The whole answer."""
        sent = {"Authorization": f"Bearer {self.server.site.token}", **(headers or {})}
        body = {"query": query, "variables": variables or {}}
        return self.http.post(self.server.url, json=body, headers=sent)

    def ask(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The data; nothing may be wrong."""
        said = self.post(query, variables, headers)
        assert said.status_code == 200, said.text
        answer: dict[str, Any] = said.json()
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    def drafts(self, query: str) -> dict[str, Any]:
        """The data with what is not published."""
        return self.ask(query, headers={"X-Include-Drafts": "true"})

    def error(self, query: str, variables: Mapping[str, Any] | None = None) -> str:
        """What is wrong with a query."""
        said = self.post(query, variables)
        assert said.status_code == 200, said.text
        message: str = said.json()["errors"][0]["message"]
        return message


def new_site(behaviour: Behaviour | None = None) -> Site:
    """An empty site of the types above."""
    return Site(TYPES, locales=("en", "de", "pt_BR"), behaviour=behaviour)


@contextmanager
def asking(site: Site | None = None) -> Iterator[Client]:
    """A client of a server that runs."""
    with serving(site or new_site()) as server:
        client = Client(server)
        try:
            yield client
        finally:
            client.http.close()
