"""Pages, orders and filters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from tests.integration.dato_server.asking import Client


def authors(client: Client, arguments: str) -> list[str]:
    """The names of the authors that a list gives."""
    return [each["name"] for each in client.ask(f"{{ allAuthors{arguments} {{ name }} }}")["allAuthors"]]


def posts(client: Client, filter_: str) -> list[str]:
    """The slugs of the posts that a filter lets through; the count agrees."""
    query = "{ allBlogPosts(filter: %s, orderBy: slug_ASC) { slug } _allBlogPostsMeta(filter: %s) { count } }"
    said = client.ask(query % (filter_, filter_))
    assert said["_allBlogPostsMeta"]["count"] == len(said["allBlogPosts"])
    return [each["slug"] for each in said["allBlogPosts"]]


def test_pages_have_20_records_and_500_at_most(client: Client) -> None:
    """All pages together have each record once, where an order is given."""
    ids = {client.edit.create("author", {"name": str(each)}).id for each in range(510)}
    assert len(authors(client, "")) == 20
    assert len(authors(client, "(first: 500)")) == 500
    assert len(authors(client, "(first: 500, skip: 500)")) == 10
    assert authors(client, "(skip: 510)") == []
    assert client.ask("{ _allAuthorsMeta { count } }") == {"_allAuthorsMeta": {"count": 510}}
    query = (
        "{ a: allAuthors(first: 300, orderBy: id_ASC) { id } b: allAuthors(first: 300, skip: 300, %s) {id} }"
    )
    pages = client.ask(query % "orderBy: [id_ASC]")
    found = [each["id"] for each in (*pages["a"], *pages["b"])]
    assert found == sorted(ids)
    for wrong in ("first: 501", "first: -1", "skip: -1"):
        assert wrong.split(":")[0] in client.error(f"{{ allAuthors({wrong}) {{ id }} }}")


def test_pages_drift_where_no_order_is_given(client: Client) -> None:
    """The newest comes first: an edit between two pages shows one record twice, and another never."""
    ids = [client.edit.create("author", {"name": str(each)}).id for each in range(4)]
    assert authors(client, "") == ["3", "2", "1", "0"]
    first = authors(client, "(first: 2)")
    client.edit.update(ids[0], {"bio": {"en": "new"}})
    assert (first, authors(client, "(first: 2, skip: 2)")) == (["3", "2"], ["2", "1"])


def test_sortable_models_are_in_the_order_of_their_positions(client: Client) -> None:
    """If nothing else is said."""
    ids = [client.edit.create("task", {"name": each}).id for each in "abc"]
    client.edit.reorder([ids[1], ids[2], ids[0]])
    assert [each["name"] for each in client.ask("{ allTasks { name } }")["allTasks"]] == ["b", "c", "a"]


def test_orders_can_be_several_and_empty_values_are_greatest(client: Client) -> None:
    """The first one counts most."""
    for slug, rating in (("a", 1), ("b", None), ("c", 2), ("d", 1)):
        client.edit.create("blog_post", {"slug": slug, "rating": rating})
    query = "{ allBlogPosts(orderBy: [%s]) { slug } }"

    def found(orders: str) -> str:
        return "".join(each["slug"] for each in client.ask(query % orders)["allBlogPosts"])

    assert found("rating_ASC, slug_DESC") == "dacb"
    assert found("rating_DESC, slug_ASC") == "bcad"


def test_ids_can_be_filtered(client: Client) -> None:
    """eq, neq, in and notIn; numbers are ids too."""
    for each in ("1", "2", "3"):
        client.edit.create("author", {"name": each}, id=each)
    found = {
        "eq: 1": ["1"],
        'neq: "1"': ["2", "3"],
        'in: ["1", "3", "none"]': ["1", "3"],
        "in: []": [],
        "notIn: [1]": ["2", "3"],
    }
    for filter_, names in found.items():
        assert authors(client, f"(orderBy: id_ASC, filter: {{id: {{{filter_}}}}})") == names


def test_filters_of_times_lose_seconds(client: Client) -> None:
    """`eq` is within that minute, and nothing in it is greater or less."""
    site = client.server.site
    site.clock.step = timedelta(0)
    site.clock.now = datetime(2024, 6, 1, 12, 0, 59, tzinfo=UTC)
    client.edit.create("author", {"name": "a"})
    site.clock.advance(2)
    client.edit.create("author", {"name": "b"})
    found = {
        'eq: "2024-06-01T12:00:03Z"': ["a"],
        'eq: "2024-06-01T14:01:30+02:00"': ["b"],
        'gt: "2024-06-01T12:00:00Z"': ["b"],
        'gt: "2024-06-01T12:01:00Z"': [],
        'gte: "2024-06-01T12:00:59Z"': ["a", "b"],
        'lt: "2024-06-01T12:01:59Z"': ["a"],
        'neq: "2024-06-01T12:00:00Z"': ["b"],
    }
    for filter_, names in found.items():
        assert authors(client, f"(orderBy: name_ASC, filter: {{_updatedAt: {{{filter_}}}}})") == names


@pytest.mark.parametrize(
    ("filter_", "slugs"),
    [
        ('{slug: {eq: "a"}}', ["a"]),
        ('{slug: {in: ["a", "c"]}}', ["a", "c"]),
        ("{rating: {gt: 1}}", ["b", "c"]),
        ("{rating: {gt: 1, lte: 2}}", ["b"]),
        ("{rating: {exists: false}}", ["d"]),
        ("{isFeatured: {eq: true}}", ["a"]),
        ('{day: {gte: "2024-01-02"}}', ["b"]),
        ('{title: {eq: "Bread"}}', ["a"]),
        ('{title: {matches: {pattern: "^b", regexp: true}}}', ["a", "b"]),
        ('{title: {notMatches: {pattern: "B", caseSensitive: true}}}', ["b", "c", "d"]),
        ("{title: {isBlank: true}}", ["c", "d"]),
        ('{author: {eq: "ada"}}', ["a", "b"]),
        ("{author: {exists: false}}", ["c", "d"]),
        ('{related: {anyIn: ["ada", "bob"]}}', ["a", "b"]),
        ('{related: {allIn: ["ada", "bob"]}}', ["b"]),
        ('{related: {eq: ["ada"]}}', ["a"]),
        ('{OR: [{slug: {eq: "a"}}, {rating: {eq: 3}}]}', ["a", "c"]),
        ('{AND: [{rating: {gt: 0}}, {rating: {lt: 3}}], slug: {neq: "a"}}', ["b"]),
        ("{_locales: {anyIn: [de]}}", ["b"]),
        ("{_status: {eq: updated}}", ["d"]),
        ("{_isValid: {eq: false}}", []),
    ],
)
def test_fields_can_be_filtered(client: Client, filter_: str, slugs: list[str]) -> None:
    """By what their kind allows."""
    edit = client.edit
    for name in ("ada", "bob"):
        edit.create("author", {"name": name}, id=name)
    first = {"title": {"en": "Bread"}, "rating": 1, "is_featured": True, "day": date(2024, 1, 1)}
    edit.create("blog_post", {"slug": "a", **first, "author": "ada", "related": ["ada"]})
    second = {"title": {"en": "butter", "de": "Butter"}, "rating": 2, "day": date(2024, 1, 2)}
    edit.create("blog_post", {"slug": "b", **second, "author": "ada", "related": ["ada", "bob"]})
    edit.create("blog_post", {"slug": "c", "rating": 3})
    last = edit.create("blog_post", {"slug": "d"})
    edit.update(last.id, {"rating": 9})
    assert posts(client, filter_) == slugs


def test_filters_and_orders_go_by_the_locale_that_is_asked_for(client: Client) -> None:
    """That of the list."""
    client.edit.create("blog_post", {"slug": "1", "title": {"en": "a", "de": "z"}})
    client.edit.create("blog_post", {"slug": "2", "title": {"en": "b", "de": "y"}})
    query = '{ allBlogPosts(locale: de, orderBy: title_ASC, filter: {title: {neq: "a"}}) { slug } }'
    assert client.ask(query)["allBlogPosts"] == [{"slug": "2"}, {"slug": "1"}]


def test_trees_can_be_filtered_by_their_places(client: Client) -> None:
    """Parent and position."""
    top = client.edit.create("category", {"name": "top"})
    for each in ("one", "two"):
        client.edit.create("category", {"name": each}, parent=top.id)
    query = "{ a: allCategories(filter: {parent: {exists: false}}) { name } b: allCategories(%s) { name } }"
    said = client.ask(query % f'filter: {{parent: {{eq: "{top.id}"}}, position: {{gt: 1}}}}')
    assert said == {"a": [{"name": "top"}], "b": [{"name": "two"}]}
