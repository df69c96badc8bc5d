"""What edits do to records: drafts, publishing, blocks, places, deletions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dato_server import Behaviour
from tests.integration.dato_server.asking import Client, asking, new_site

STAMPS = "{ allAuthors { name _status _updatedAt _publishedAt _firstPublishedAt _createdAt } }"


def author(client: Client, *, drafts: bool = False) -> Any:
    """The only author, or None."""
    found = (client.drafts if drafts else client.ask)(STAMPS)["allAuthors"]
    return found[0] if found else None


def test_drafts_are_seen_by_those_who_ask_for_them(client: Client) -> None:
    """A draft, then published, then updated, then published anew."""
    made = client.edit.create("author", {"name": "a"}, publish=False)
    assert author(client) is None
    draft = author(client, drafts=True)
    assert (draft["name"], draft["_status"], draft["_publishedAt"]) == ("a", "draft", None)
    client.edit.publish(made.id)
    assert (author(client)["name"], author(client)["_status"]) == ("a", "published")
    client.edit.update(made.id, {"name": "b"})
    assert (author(client)["name"], author(client)["_status"]) == ("a", "updated")
    assert author(client, drafts=True)["name"] == "b"
    client.edit.publish(made.id)
    assert (author(client)["name"], author(client)["_status"]) == ("b", "published")


def test_saving_the_same_again_is_an_update(client: Client) -> None:
    """With a new stamp, although nothing is otherwise."""
    made = client.edit.create("author", {"name": "a"})
    before = author(client)
    client.edit.update(made.id, {"name": "a"})
    assert author(client)["_status"] == "updated"
    assert author(client)["_updatedAt"] > before["_updatedAt"]


def test_publishing_does_not_move_updated_at(client: Client) -> None:
    """`_updatedAt` is before `_publishedAt`, which moves each time; the first one stays."""
    made = client.edit.create("author", {"name": "a"})
    first = author(client)
    client.edit.publish(made.id)
    second = author(client)
    assert first["_updatedAt"] == second["_updatedAt"] < first["_publishedAt"] < second["_publishedAt"]
    assert first["_firstPublishedAt"] == second["_firstPublishedAt"] == first["_publishedAt"]


@pytest.mark.parametrize("moves", [True, False])
def test_a_saved_draft_may_move_the_published_stamp(moves: bool) -> None:
    """As it is not documented, both can be had; publishing shows the new stamp in any case."""
    with asking(new_site(Behaviour(draft_moves_published=moves))) as client:
        made = client.edit.create("author", {"name": "a"})
        before = author(client)["_updatedAt"]
        saved = client.edit.update(made.id, {"name": "b"})
        stamp = client.server.site.behaviour.stamp(saved.updated)
        assert author(client)["_updatedAt"] == (stamp if moves else before)
        assert author(client, drafts=True)["_updatedAt"] == stamp
        client.edit.publish(made.id)
        assert author(client)["_updatedAt"] == stamp


@pytest.mark.parametrize("moves", [True, False])
def test_a_saved_block_may_move_its_record(moves: bool) -> None:
    """As it is not documented, both can be had; the block moves, however deep it is."""
    with asking(new_site(Behaviour(block_moves_record=moves))) as client:
        inner = client.edit.block("text_block", {"text": {"en": "old"}})
        quote = client.edit.block("quote_block", {"quote": "Q", "inner": [inner]})
        made = client.edit.create("blog_post", {"content": {"en": [quote]}})
        within = "content { ... on QuoteBlockRecord { _updatedAt inner { text _updatedAt } } }"
        query = f"{{ blogPost {{ _updatedAt _status {within} }} }}"
        old = client.ask(query)["blogPost"]
        client.server.site.clock.advance(60)
        client.edit.update_block(made.id, inner.id, {"text": {"en": "new"}})
        assert client.ask(query)["blogPost"]["content"] == old["content"]
        assert client.ask(query)["blogPost"]["_status"] == "updated"
        client.edit.publish(made.id)
        new = client.ask(query)["blogPost"]
        assert new["content"][0]["inner"][0]["text"] == "new"
        assert new["content"][0]["inner"][0]["_updatedAt"] > old["content"][0]["inner"][0]["_updatedAt"]
        assert new["content"][0]["_updatedAt"] == old["content"][0]["_updatedAt"]
        assert (new["_updatedAt"] > old["_updatedAt"]) is moves


def test_without_drafts_each_save_is_published(client: Client) -> None:
    """Whatever is asked for."""
    made = client.edit.create("setting", {"name": "a"}, publish=False)
    client.edit.update(made.id, {"name": "b"})
    assert client.ask("{ setting { name _status } }") == {"setting": {"name": "b", "_status": "published"}}


def test_what_is_unpublished_or_deleted_vanishes(client: Client) -> None:
    """No trace is left; what is unpublished stays as a draft."""
    one, two = (client.edit.create("author", {"name": each}) for each in "12")
    client.edit.unpublish(one.id)
    client.edit.delete(two.id)
    query = "{ allAuthors { name } _allAuthorsMeta { count } author(filter: {id: {eq: %s}}) { id } }"
    nothing: dict[str, object] = {"allAuthors": [], "_allAuthorsMeta": {"count": 0}, "author": None}
    assert client.ask(query % f'"{one.id}"') == nothing
    assert author(client, drafts=True)["_status"] == "draft"


def test_a_deleted_parent_takes_its_children_with_it(client: Client) -> None:
    """All below it."""
    top = client.edit.create("category", {"name": "top"})
    middle = client.edit.create("category", {"name": "middle"}, parent=top.id)
    client.edit.create("category", {"name": "low"}, parent=middle.id)
    client.edit.delete(top.id)
    assert client.ask("{ _allCategoriesMeta { count } }") == {"_allCategoriesMeta": {"count": 0}}


@pytest.mark.parametrize("moves", [True, False])
def test_a_new_order_may_move_records(moves: bool) -> None:
    """As it is not documented, both can be had."""
    with asking(new_site(Behaviour(reordering_moves_record=moves))) as client:
        ids = [client.edit.create("task", {"name": each}).id for each in "abc"]
        query = "{ allTasks { name position _updatedAt _status } }"
        before = {each["name"]: each["_updatedAt"] for each in client.ask(query)["allTasks"]}
        client.edit.reorder([ids[2], ids[0], ids[1]])
        after = client.ask(query)["allTasks"]
        assert [(each["name"], each["position"]) for each in after] == [("c", 1), ("a", 2), ("b", 3)]
        assert {each["_status"] for each in after} == {"published"}
        assert all((each["_updatedAt"] > before[each["name"]]) is moves for each in after)


def test_edits_that_cannot_be_are_refused(client: Client) -> None:
    """Before anything is changed."""
    edit = client.edit
    with pytest.raises(ValueError, match="author has no field 'age'"):
        edit.create("author", {"age": 1})
    with pytest.raises(ValueError, match=r"author\.bio wants a value for each of"):
        edit.create("author", {"bio": "not by locale"})
    with pytest.raises(ValueError, match="takes no quote_block"):
        edit.create("blog_post", {"lead": edit.block("quote_block", {})})
    edit.create("home_page", {})
    with pytest.raises(ValueError, match="singleton"):
        edit.create("home_page", {})
    top = edit.create("category", {}, id="top")
    low = edit.create("category", {}, parent=top.id)
    with pytest.raises(ValueError, match="is below"):
        edit.move(top.id, low.id)
    with pytest.raises(ValueError, match="already"):
        edit.create("category", {}, id="top")
    with pytest.raises(KeyError):
        edit.update_block(top.id, "none", {})


def test_ids_and_times_are_always_the_same() -> None:
    """Two sites with the same edits are equal, and ids do not ascend."""
    made = []
    for _ in range(2):
        with asking() as client:
            made.append([client.edit.create("author", {"name": str(each)}) for each in range(9)])
    assert made[0] == made[1]
    ids = [each.id for each in made[0]]
    assert ids != sorted(ids)
    assert {len(each) for each in ids} == {22}


def test_content_is_kept_as_it_was(client: Client) -> None:
    """What a test does to its own lists later changes nothing, however deep they are."""
    block = client.edit.block("text_block", {"text": {"en": "t"}})
    content: dict[str, Any] = {"related": [], "content": {"en": []}, "extra": {"a": [1]}}
    made = client.edit.create("blog_post", content)
    content["related"].append(made.id)
    content["content"]["en"].append(block)
    content["extra"]["a"].append(2)
    query = "{ blogPost { related { __typename } content { __typename } extra } }"
    assert client.ask(query) == {"blogPost": {"related": [], "content": [], "extra": {"a": [1]}}}
    assert client.edit.record(made.id).content == {"related": [], "content": {"en": []}, "extra": {"a": [1]}}
