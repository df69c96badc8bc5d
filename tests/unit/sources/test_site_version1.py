"""Version 1 of the pull protocol: Django's JSON, object by object."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelsync.core.errors import Permanent
from modelsync.sources.site.version1 import Version1
from tests.unit.sources import OBJECTS, array, pieces, told
from tests.unit.sources.test_site_version2 import ROWS


def read(content: bytes, most: int = 100, **options: int) -> list[tuple[object, ...]]:
    return told(Version1([content], "site", **options).batches(most))


def objects(*fields: dict[str, Any], model: str = "blog.post") -> bytes:
    return json.dumps(
        [{"model": model, "pk": n, "fields": each} for n, each in enumerate(fields, 1)]
    ).encode()


def test_objects_come_in_batches_of_one_model() -> None:
    """As in version 2, but origins count the objects."""
    assert read(array()) == [
        ("blog.blog", ("pk", "name"), 0, False, [(1, "Blog\n"), (2, "Käse 🐘")], "site:1", None),
        (
            "blog.post",
            ("pk", "title", "blog", "tags"),
            2,
            False,
            [(7, "One", 1, [1, 2]), (8, None, 2, [])],
            "site:3",
            None,
        ),
        ("blog.blog", ("pk", "name"), 4, False, [(3, "x")], "site:5", None),
    ]


def test_what_dumpdata_writes_is_read() -> None:
    """Indented, with keys in another order; natural keys leave the primary key out."""
    content = b'\n[\n{\n  "fields": {"a": [["x", "y"]]},\n  "model": "Blog.Post"\n}\n]\n'
    assert read(content)[0][:5] == ("blog.post", ("pk", "a"), 0, False, [(None, [["x", "y"]])])


def test_other_fields_are_another_batch() -> None:
    """Omitted is not null (invariant 8); the order of the fields says nothing."""
    content = objects({"a": 1, "b": 2}, {"b": 3, "a": 4}, {"a": 5}, {"a": 6, "c": 7})
    assert [(b[1], b[2], b[4]) for b in read(content)] == [
        (("pk", "a", "b"), 0, [(1, 1, 2), (2, 4, 3)]),
        (("pk", "a"), 2, [(3, 5)]),
        (("pk", "a", "c"), 3, [(4, 6, 7)]),
    ]


@given(rows=ROWS, most=st.integers(1, 7), data=st.data())
def test_pieces_make_no_difference(rows: list[Any], most: int, data: st.DataObject) -> None:
    """Any array, taken apart anywhere, gives the same batches with the values that were sent."""
    content = array(rows)
    places = data.draw(st.lists(st.integers(0, len(content))))
    batches = list(Version1(pieces(content, places), "site").batches(most))
    assert told(batches) == read(content, most)
    came = [list(row) for batch in batches for row in batch.rows]
    assert repr(came) == repr([row[1:] for row in json.loads(json.dumps(rows))])


@given(rows=ROWS, data=st.data())
def test_no_truncation_ends_normally(rows: list[Any], data: st.DataObject) -> None:
    """Whatever the byte, an array that was cut off raises."""
    content = array(rows)
    end = data.draw(st.integers(0, len(content) - 1))
    places = data.draw(st.lists(st.integers(0, end), max_size=5))
    with pytest.raises(Permanent):
        list(Version1(pieces(content[:end], places), "site").batches(3))


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_every_truncation_raises(size: int) -> None:
    """The same for each byte of one array, in pieces of some sizes."""
    content = array([*OBJECTS, [0, 4, "\u2028é"], [0, 5, 1.5e-7], [0, -6, True], [0, 7, '\\"']])
    for end in range(len(content)):
        with pytest.raises(Permanent):
            list(Version1(pieces(content[:end], range(0, end, size)), "site").batches(2))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_escapes_may_be_taken_apart(size: int) -> None:
    """A surrogate pair in escapes, and characters of several bytes, across pieces."""
    content = b'[{"model":"a.b","pk":"\\ud83d\\udc18 \xf0\x9f\x90\x98","fields":{"x":-12.5e+3,"y":false}}]'
    (batch,) = Version1(pieces(content, range(0, len(content), size)), "site").batches(9)
    assert list(batch.rows) == [("🐘 🐘", -12500.0, False)]


def test_numbers_keep_every_digit() -> None:
    """Trap: big integers beyond 2**53. Floats are floats; decimals are texts in Django's JSON."""
    content = objects({"a": 2**200, "b": 0.1, "c": "0.10", "d": {"e": [2**70, 1.5]}})
    (batch,) = Version1([content], "site").batches(9)
    (row,) = batch.rows
    assert row == (1, 2**200, 0.1, "0.10", {"e": [2**70, 1.5]})
    assert [type(value) for value in row[1:4]] == [int, float, str]


@pytest.mark.parametrize("content", [b"[]", b" [ ] ", b"[]\n"])
def test_nothing_is_an_array_too(content: bytes) -> None:
    """No batches, and no error."""
    assert read(content) == []


GOOD = b'{"model": "a.b", "pk": 1, "fields": {}}'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "site is no complete JSON: it is empty"),
        (b'{"detail": "no"}', "site is no complete JSON: it is no array"),
        (b"null", "it is no array"),
        (b"[1]", "object 1 of site is no complete JSON: it is no object"),
        (b"[" + GOOD + b",]", "object 2 of site .* it is no object"),
        (b"[" + GOOD + b" " + GOOD + b"]", "object 1 of site .* something else stands"),
        (b"[" + GOOD + b"] []", "something comes after it"),
        (b"[" + GOOD + b"]x", "something comes after it"),
        (b'[{"a" 1}, ' + 9 * GOOD, "object 1 of site is no complete JSON: Expecting ':' delimiter"),
        (b'[{"a": NaN}]', "NaN is no number"),
        (b'[{"a": -Infinity}]', "-Infinity is no number"),
        (b'[{"a": 1e999}]', "out of range"),
        (b'[{"a": "\xff"}]', "it is not in UTF-8"),
        (b'[{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "recursion"),
        (b"[{}]", "object 1 of site is none of Django's serializer"),
        (b'[{"model": "ab", "pk": 1, "fields": {}}]', "object 1 of site is none of"),
        (b'[{"model": "a.b", "pk": 1, "fields": []}]', "object 1 of site is none of"),
        (b"[" + GOOD + b', {"model": "a.b", "pk": 1}]', "object 2 of site is none of"),
    ],
)
@pytest.mark.parametrize("size", [3, 10**6])
def test_what_is_wrong_is_told(content: bytes, why: str, size: int) -> None:
    """An answer that is no complete array of serialized objects."""
    with pytest.raises(Permanent, match=why):
        list(Version1(pieces(content, range(0, len(content), size)), "site").batches(9))


def test_a_mistake_is_told_without_reading_on() -> None:
    """What is wrong is told from what is not there yet."""

    def endless() -> Any:
        yield b'[{"model": "a.b", "pk": 1 2, "fields": {'
        for number in range(100):
            assert number < 3, "it read on"
            yield b'"x": 1, ' * 100

    with pytest.raises(Permanent, match="object 1 of site is no complete JSON: Expecting ','"):
        Version1(endless(), "site")


def test_an_object_has_a_largest_size() -> None:
    """Trap: memory. An object that does not end is not kept for ever."""
    content = objects({"a": "x" * 5000})
    assert read(content, longest=6000)
    with pytest.raises(Permanent, match="more than 500 characters"):
        list(Version1(pieces(content, range(0, len(content), 100)), "site", longest=500).batches(9))
