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


def test_values_of_the_record() -> None:
    """An object may take them, too."""
    columns = [Column(field="text", steps=("text",)), Column(field="page", steps=("title",), of_record=True)]
    found = [each for _, each in values(RECORD, {}, ("sections", "quotes"), columns)]
    assert found == [{"text": text, "page": "Title"} for text in ("one", "two", "three")]


def test_languages_are_aligned_by_id() -> None:
    """Whatever their order, and where one is missing."""
    german = {
        "id": "r",
        "title": "Titel",
        "sections": [{"id": "s1", "quotes": [{"id": "q2", "text": "zwei"}, {"id": "new", "text": "neu"}]}],
    }
    columns = [
        Column(field="text", steps=("text",)),
        Column(field="text_de", steps=("text",), locale="de"),
        Column(field="page_de", steps=("title",), locale="de", of_record=True),
        Column(field="text_fr", steps=("text",), locale="fr"),
    ]
    found = {each.id: got for each, got in values(RECORD, {"de": german}, ("sections", "quotes"), columns)}
    assert found["q2"] == {"text": "two", "text_de": "zwei", "page_de": "Titel", "text_fr": None}
    assert found["q1"]["text_de"] is None
    assert set(found) == {"q1", "q2", "q3"}
