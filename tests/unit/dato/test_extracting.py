"""Objects and values of records."""

from __future__ import annotations

from typing import Any

import pytest

from modelsync.dato.extracting import Column, objects, values

RECORD = {
    "id": "r",
    "title": "Title",
    "author": {"id": "a", "name": "Ada"},
    "tags": [{"id": "t1", "name": "x"}, {"id": "t2", "name": "y"}],
    "extra": {"id": 1, "of": []},
    "empty": None,
    "nothing": [],
    "sections": [
        {"id": "s1", "quotes": [{"id": "q1", "text": "one"}, {"id": "q2", "text": "two"}]},
        {"id": "s2", "quotes": []},
        {"id": "s3", "text": "no quotes"},
        {"id": "s4", "quotes": [{"id": "q3", "text": "three"}]},
    ],
    "single": {"id": "b", "text": "block"},
}


def one(*steps: str, **given: Any) -> Any:
    """The value at the end of a way, of the record itself."""
    column = Column(field="it", steps=steps, **given)
    ((_, found),) = values(RECORD, {}, (), [column])
    return found["it"]


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ((), [("r", 0)]),
        (("sections",), [("s1", 0), ("s2", 1), ("s3", 2), ("s4", 3)]),
        (("sections", "quotes"), [("q1", 0), ("q2", 1), ("q3", 0)]),
        (("single",), [("b", 0)]),
        (("empty",), []),
        (("missing", "quotes"), []),
    ],
)
def test_objects(blocks: tuple[str, ...], expected: list[tuple[str, int]]) -> None:
    """In their order, each with its place among its siblings."""
    assert [(found.id, found.place) for found in objects(RECORD, blocks)] == expected


def test_values() -> None:
    """Of links the id, of anything else what it is; an empty way ends in None."""
    assert one("title") == "Title"
    assert one("author", "name") == "Ada"
    assert one("author", links=True) == one("author", "id") == "a"
    assert one("empty", links=True) is None
    assert one("empty") is None
    assert one("empty", "name") is None
    assert one("tags", "name") == "x"
    assert one("extra") == {"id": 1, "of": []}
    assert one("extra", "of") == []


def test_what_is_collected() -> None:
    """All values, in their order; of nothing, nothing."""
    assert one("tags", "name", collects=True) == ["x", "y"]
    assert one("tags", collects=True, links=True) == ["t1", "t2"]
    assert one("sections", "quotes", "text", collects=True) == ["one", "two", "three"]
    assert one("nothing", "name", collects=True) == []
    assert one("nothing", collects=True, links=True) == []


def test_values_of_what_is_around() -> None:
    """An object may take those of its record, and of the very block that it is in."""
    columns = [
        Column(field="text", steps=("text",), depth=2),
        Column(field="section", steps=("id",), depth=1),
        Column(field="page", steps=("title",)),
    ]
    found = [tuple(each.values()) for _, each in values(RECORD, {}, ("sections", "quotes"), columns)]
    assert found == [("one", "s1", "Title"), ("two", "s1", "Title"), ("three", "s4", "Title")]


def test_languages_are_aligned_by_id() -> None:
    """Whatever their order, and where one is missing."""
    german = {
        "id": "r",
        "title": "Titel",
        "sections": [
            {
                "id": "s1",
                "name": "eins",
                "quotes": [{"id": "q2", "text": "zwei"}, {"id": "new", "text": "neu"}],
            }
        ],
    }
    columns = [
        Column(field="text", steps=("text",), depth=2),
        Column(field="text_de", steps=("text",), locale="de", depth=2),
        Column(field="section_de", steps=("name",), locale="de", depth=1),
        Column(field="page_de", steps=("title",), locale="de"),
        Column(field="text_fr", steps=("text",), locale="fr", depth=2),
    ]
    found = {each.id: got for each, got in values(RECORD, {"de": german}, ("sections", "quotes"), columns)}
    of_both = {"section_de": "eins", "page_de": "Titel", "text_fr": None}
    assert found["q2"] == {"text": "two", "text_de": "zwei", **of_both}
    assert found["q1"] == {"text": "one", "text_de": None, **of_both}
    assert found["q3"] == {**of_both, "text": "three", "text_de": None, "section_de": None}
    assert set(found) == {"q1", "q2", "q3"}
