"""Who may ask what: tokens, environments, headers, and how errors look that are not those of a query."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.dato_server import Behaviour, Token
from tests.integration.dato_server.asking import Client, asking, new_site

COUNT = "{ _allAuthorsMeta { count } }"
NAMES = "{ allAuthors { name } }"


def code(client: Client, headers: dict[str, str]) -> tuple[int, str]:
    """The status and the code of an error."""
    said = client.post(COUNT, headers=headers)
    (error,) = said.json()["data"]
    assert error["type"] == "api_error"
    assert error["id"]
    assert "details" in error["attributes"]
    return said.status_code, error["attributes"]["code"]


@pytest.mark.parametrize("value", ["", "Bearer wrong", "Basic read-only-token", "read-only-token"])
def test_a_wrong_authorization_header_is_refused(client: Client, value: str) -> None:
    """Only a bearer token that the site knows opens it."""
    assert code(client, {"Authorization": value}) == (401, "INVALID_AUTHORIZATION_HEADER")


def test_a_token_may_be_allowed_less(client: Client) -> None:
    """One that may not read, and one that may not read drafts."""
    client.server.site.tokens["none"] = Token(can_read=False)
    client.server.site.tokens["public"] = Token(can_read_drafts=False)
    assert code(client, {"Authorization": "Bearer none"}) == (403, "INSUFFICIENT_PERMISSIONS")
    drafts = {"Authorization": "Bearer public", "X-Include-Drafts": "true"}
    assert code(client, drafts) == (403, "INSUFFICIENT_PERMISSIONS")
    assert client.ask(COUNT, headers={"Authorization": "Bearer public"}) == {"_allAuthorsMeta": {"count": 0}}


@pytest.mark.parametrize("name", ["X-Include-Drafts", "X-Exclude-Invalid"])
def test_flags_know_one_word(client: Client, name: str) -> None:
    """`true` is legal, and nothing else."""
    client.ask(COUNT, headers={name: "true"})
    wrong = (422, f"INVALID_{name.upper().replace('-', '_')}_HEADER")
    for value in ("false", "True", "1", ""):
        assert code(client, {name: value}) == wrong


def test_environments_are_apart(client: Client) -> None:
    """Without a header the primary one answers; a promoted one is it from then on."""
    client.edit.create("author", {"name": "both"})
    site = client.server.site
    site.fork("sandbox")
    client.server.edit("sandbox").create("author", {"name": "sandbox only"})
    sandbox = {"X-Environment": "sandbox"}
    assert client.ask(COUNT) == {"_allAuthorsMeta": {"count": 1}}
    assert client.ask(COUNT, headers=sandbox) == {"_allAuthorsMeta": {"count": 2}}
    assert client.ask(COUNT, headers={"X-Environment": "main"}) == {"_allAuthorsMeta": {"count": 1}}
    site.promote("sandbox")
    assert client.ask(COUNT) == {"_allAuthorsMeta": {"count": 2}}
    assert code(client, {"X-Environment": "nowhere"}) == (404, "INVALID_ENVIRONMENT")


def test_invalid_records_can_be_left_out(client: Client) -> None:
    """X-Exclude-Invalid hides them from lists, counts and links."""
    good = client.edit.create("author", {"name": "good"})
    bad = client.edit.create("author", {"name": "bad"})
    client.edit.create("blog_post", {"author": bad.id, "related": [bad.id, good.id]})
    client.edit.set_valid(bad.id, False)
    query = "{ allAuthors { id _isValid } allBlogPosts { author { id } related { __typename } } }"
    everything = client.ask(query)
    assert {(each["id"], each["_isValid"]) for each in everything["allAuthors"]} == {
        (good.id, True),
        (bad.id, False),
    }
    assert client.ask(query, headers={"X-Exclude-Invalid": "true"}) == {
        "allAuthors": [{"id": good.id, "_isValid": True}],
        "allBlogPosts": [{"author": None, "related": [{"__typename": "AuthorRecord"}]}],
    }


@pytest.mark.parametrize("shape", ["bare", "data", "data list"])
def test_errors_come_in_three_shapes(shape: Literal["bare", "data", "data list"]) -> None:
    """Bare, or under `data`, alone or in a list."""
    with asking(new_site(Behaviour(errors=shape))) as client:
        said: Any = client.post(COUNT, headers={"Authorization": "Bearer no"}).json()
    if shape != "bare":
        said = said["data"]
    if shape == "data list":
        (said,) = said
    assert said["attributes"]["code"] == "INVALID_AUTHORIZATION_HEADER"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"query": 1}', b'{"query": "{a}", "variables": 1}'])
def test_a_body_that_is_no_query_is_refused(client: Client, body: bytes) -> None:
    """With a status of its own, as it is no error of a query."""
    headers = {"Authorization": "Bearer read-only-token"}
    said = client.http.post(client.server.url, content=body, headers=headers)
    assert said.status_code == 400
    assert said.json()["data"][0]["attributes"]["code"] == "INVALID_REQUEST_BODY"


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing { id } }",
        "{ allAuthors { nothing } }",
        "{ allAuthors { id ",
        "mutation { allAuthors { id } }",
        "{ allAuthors(locale: fr) { id } }",
        "query A { allAuthors { id } } query B { allAuthors { id } }",
    ],
)
def test_errors_of_queries_are_answers(client: Client, query: str) -> None:
    """HTTP 200 with `errors`, and no data."""
    said = client.post(query)
    assert said.status_code == 200
    assert said.json()["errors"][0]["message"]
    assert "data" not in said.json()


def test_variables_and_operation_names_are_heard(client: Client) -> None:
    """As GraphQL has them."""
    author = client.edit.create("author", {"name": "Ada"})
    query = """
        query One($id: ItemId) { author(filter: {id: {eq: $id}}) { name } }
        query Two { allAuthors { id } }
    """
    body = {"query": query, "variables": {"id": author.id}, "operationName": "One"}
    headers = {"Authorization": "Bearer read-only-token"}
    said = client.http.post(client.server.url, json=body, headers=headers)
    assert said.json() == {"data": {"author": {"name": "Ada"}}}


def test_what_was_asked_is_logged(client: Client) -> None:
    """Query, variables, headers, bytes, cost and the records that were given."""
    author = client.edit.create("author", {"name": "Ada"})
    said = client.post(NAMES, {"a": 1}, {"X-Include-Drafts": "true"})
    client.post(COUNT, headers={"Authorization": "Bearer no"})
    good, bad = client.server.log
    assert (good.number, good.status, good.query, good.variables) == (1, 200, NAMES, {"a": 1})
    assert good.headers["X-Include-Drafts"] == "true"
    assert good.bytes_out == len(said.content)
    assert good.bytes_in == int(good.headers["Content-Length"])
    assert good.records == (author.id,)
    assert good.complexity == 120
    assert (bad.number, bad.status, bad.records, bad.complexity) == (2, 401, (), None)
    client.server.forget()
    assert client.server.log == []
