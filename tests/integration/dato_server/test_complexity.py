"""What queries cost, and that they are refused above the limit."""

from __future__ import annotations

import pytest

from tests.dato_server import Behaviour
from tests.integration.dato_server.asking import Client, asking, new_site


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ allAuthors { id name } }", 100 + 20 * 2),
        (
            '{ allBlogPosts(filter: {day: {gt: "1990-01-01", lt: "2010-01-01"}, slug: {eq: "a"}}, '
            "orderBy: [slug_ASC], first: 25) { id slug rating } }",
            1_175,
        ),
        ('{ _allAuthorsMeta(filter: {name: {eq: "a"}}) { count } }', 1_251),
        ("{ allAuthors(orderBy: [name_ASC, id_ASC], first: 10) { id } }", 100 + 500 + 10),
        ('{ allAuthors(filter: {id: {in: ["a", "b"]}}) { id } }', 100 + 250 + 20),
        (
            '{ allAuthors(filter: {OR: [{id: {eq: "a"}}, {AND: [{name: {eq: "b"}}]}]}) { id } }',
            100 + 500 + 20,
        ),
        ("{ allBlogPosts(first: 1) { author { id name } } }", 100 + 10 + 2),
        ("{ allBlogPosts(first: 1) { related { __typename } } }", 100 + 10 + 5),
        ("{ allBlogPosts(first: 1) { coverImage { url } pictures { url id } } }", 100 + 11 + 20),
        (
            "{ allBlogPosts(first: 1) { content { __typename ... on TextBlockRecord { id text } "
            "... on QuoteBlockRecord { inner { id } } } } }",
            100 + 10 + 5 * (1 + 15),
        ),
        ("{ allBlogPosts(first: 1) { body { value blocks { id } } } }", 100 + 1 + 1 + 15),
        ("{ a: allAuthors(first: 1) { ...x } } fragment x on AuthorRecord { id name }", 102),
        ("{ homePage { headline } }", 2),
        ("{ __schema { types { name } } }", 1),
    ],
)
def test_costs_are_those_that_are_documented(client: Client, query: str, cost: int) -> None:
    """The header says what a query costs, and what it may."""
    headers = client.post(query).headers
    assert (headers["X-Complexity"], headers["X-Max-Complexity"]) == (str(cost), "10000000")


def test_variables_count_as_what_they_are(client: Client) -> None:
    """A page size that a variable says, or its default; a filter in a variable."""
    query = """query ($first: IntType = 50, $filter: AuthorModelFilter) {
        allAuthors(first: $first, filter: $filter) { id }
    }"""
    assert client.post(query).headers["X-Complexity"] == "150"
    variables = {"first": 500, "filter": {"id": {"notIn": []}, "name": {"eq": "a", "neq": "b"}}}
    assert client.post(query, variables).headers["X-Complexity"] == str(100 + 750 + 500)


def test_what_costs_too_much_is_refused() -> None:
    """With an error that says so, and no data; at the limit it is answered."""
    with asking(new_site(Behaviour(max_complexity=119))) as client:
        said = client.post("{ allAuthors { id } }")
        message = "Query has complexity of 120, which exceeds max complexity of 119"
        assert said.status_code == 200
        assert said.json() == {"errors": [{"message": message}]}
        assert (said.headers["X-Complexity"], said.headers["X-Max-Complexity"]) == ("120", "119")
        assert client.ask("{ allAuthors(first: 19) { id } }") == {"allAuthors": []}
