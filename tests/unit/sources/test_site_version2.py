"""Version 2 of the pull protocol: the same records from any pieces, and never a part taken for the whole."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelsync.core.errors import Permanent
from modelsync.formats import wire
from modelsync.sources.site.version2 import Version2
from tests.unit.sources import MODELS, OBJECTS, lines, pieces, stream, told

#: Values that JSON can hold; floats are finite.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
ROWS = st.lists(
    st.tuples(st.just(0), VALUES, VALUES) | st.tuples(st.just(1), VALUES, VALUES, VALUES, VALUES), max_size=30
)


def read(content: bytes, most: int = 100, **options: int) -> list[tuple[object, ...]]:
    return told(Version2([content], "site", **options).batches(most))


def test_objects_come_in_batches_of_one_model() -> None:
    """Each batch has the label, the columns and the ordinals of its objects; origins are lines."""
    assert read(stream()) == [
        ("blog.blog", ("pk", "name"), 0, False, [(1, "Blog\n"), (2, "Käse 🐘")], "site:2", None),
        (
            "blog.post",
            ("pk", "title", "blog", "tags"),
            2,
            False,
            [(7, "One", 1, [1, 2]), (8, None, 2, [])],
            "site:4",
            None,
        ),
        ("blog.blog", ("pk", "name"), 4, False, [(3, "x")], "site:6", None),
    ]


@pytest.mark.parametrize("most", [1, 2, 999, 1000, 1001, 2500, 9000])
def test_batches_are_full_and_hold_everything(most: int) -> None:
    """Whatever the size of a batch, of a block and of what is turned at once."""
    rows = [[0, number, str(number)] for number in range(2500)]
    content = stream(rows, count=2500)
    for size in (100, 10_000, len(content)):
        cut = pieces(content, range(0, len(content), size))
        batches = list(Version2(cut, "site").batches(most))
        assert [list(row) for batch in batches for row in batch.rows] == [row[1:] for row in rows]
        assert {len(batch) for batch in batches[:-1]} <= {most}
        assert [batch.start for batch in batches] == list(range(0, 2500, most))


@given(rows=ROWS, most=st.integers(1, 7), data=st.data())
def test_pieces_make_no_difference(rows: list[object], most: int, data: st.DataObject) -> None:
    """Any stream, taken apart anywhere, gives the same batches with the values that were sent."""
    content = stream(rows, count=len(rows))
    places = data.draw(st.lists(st.integers(0, len(content))))
    batches = list(Version2(pieces(content, places), "site").batches(most))
    assert told(batches) == read(content, most)
    came = [(list(b.columns), list(row)) for b in batches for row in b.rows]
    sent = json.loads(json.dumps(rows))
    assert repr([row for _, row in came]) == repr([row[1:] for row in sent])


@given(rows=ROWS, data=st.data())
def test_no_truncation_ends_normally(rows: list[object], data: st.DataObject) -> None:
    """Whatever the byte, a stream that was cut off raises, with or without a count in its header."""
    content = stream(rows, count=data.draw(st.sampled_from([None, len(rows)])))
    end = data.draw(st.integers(0, len(content) - 1))
    places = data.draw(st.lists(st.integers(0, end), max_size=5))
    with pytest.raises(Permanent):
        list(Version2(pieces(content[:end], places), "site").batches(3))


def test_every_truncation_raises() -> None:
    """The same for each byte of one stream."""
    content = stream()
    for end in range(len(content)):
        with pytest.raises(Permanent):
            read(content[:end])


@given(rows=ROWS, data=st.data())
def test_a_doubled_beginning_is_refused(rows: list[object], data: st.DataObject) -> None:
    """A proxy that sends the first bytes twice never makes objects of them."""
    content = stream(rows)
    end = data.draw(st.integers(1, len(content)))
    with pytest.raises(Permanent):
        read(content[:end] + content)


def test_numbers_keep_every_digit() -> None:
    """Trap: integers beyond 64 bits; decimals are texts and stay so."""
    (batch,) = Version2([stream([[0, 2**200, "12.50"], [0, -(2**63), "1E+2"]])], "site").batches(9)
    assert batch.column(0) == [2**200, -(2**63)]
    assert batch.column(1) == ["12.50", "1E+2"]


def test_nothing_is_a_stream_too() -> None:
    """A header and an end: no batches, and no error."""
    assert read(stream([], count=0)) == []
    assert read(stream([], models=())) == []


def test_carriage_returns_are_white_space() -> None:
    """A proxy may have been at the lines."""
    assert read(stream().replace(b"\n", b"\r\n")) == read(stream())


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b'[0,1,"a"', r"line 4 of site is no JSON"),
        (b"[0,1,NaN]", r"line 4 of site is no JSON"),
        (b'[0,1,"\xff"]', r"line 4 of site is no JSON"),
        (b"[0,1,1e999]", r"line 4 of site is no JSON"),
        (b"[" * 100_000, r"line 4 of site is no JSON"),
        (b'[0,1,"a"][0,2,"b"]', r"line 4 of site holds 2 values"),
        (b"", r"line 4 of site holds 0 values"),
        (b"[]", r"line 4 of site is empty"),
        (b"[0,1]", r"line 4 of site has 2 values; those of blog.blog have 3"),
        (b'[0,1,"a",2]', r"line 4 of site has 4 values"),
        (b'[1,1,"a",2]', r"line 4 of site has 4 values; those of blog.post have 5"),
        (b'[2,1,"a"]', r"line 4 of site is of model number 2; the header has 2 models"),
        (b'[-1,1,"a"]', r"line 4 of site is of model number -1"),
        (b'[null,1,"a"]', r"line 4 of site is of model number None"),
        (b'[[0],1,"a"]', r"line 4 of site is of model number \[0\]"),
        (b"7", r"line 4 of site is neither an object nor the end"),
        (b'{"model":"blog.blog"}', r"line 4 of site is neither an object nor the end"),
        (b'{"end":true}', r"line 4 of site is neither an object nor the end"),
        (b'{"error":"the disk\\nis full"}', r"site could not finish: the disk is full"),
        (b'{"end":true,"count":1,"cursor":null}', r"sent 2 objects but counted 1;"),
        (b'{"end":true,"count":2,"cursor":null}', r"site goes on after its end"),
    ],
)
@pytest.mark.parametrize("size", [1, 10**6])
def test_what_is_wrong_is_told_with_its_line(line: bytes, why: str, size: int) -> None:
    """A line that does not keep to the protocol, between lines that do."""
    header, *objects, end = lines([[0, 1, "a"], [0, 2, "b"], [0, 3, "c"]])
    end = end.replace(b"3", b"4")
    content = b"".join([header, *objects[:2], line + b"\n", *objects[2:], end])
    with pytest.raises(Permanent, match=why):
        list(Version2(pieces(content, range(0, len(content), size)), "site").batches(2))


@pytest.mark.parametrize("more", [b"\n", b"[0,1,2]\n", b"x", b"[0,1", stream()])
@pytest.mark.parametrize("apart", [False, True])
def test_nothing_comes_after_the_end(more: bytes, apart: bool) -> None:
    """Two answers in one, or a stream that goes on, are refused."""
    content = stream()
    with pytest.raises(Permanent):
        list(Version2([content, more] if apart else [content + more], "site").batches(9))


@pytest.mark.parametrize(("count", "counted"), [(4, "4 and 5"), (6, "6 and 5")])
def test_the_counts_must_agree(count: int, counted: str) -> None:
    """The header's count is one too."""
    with pytest.raises(Permanent, match=f"sent 5 objects but counted {counted}"):
        read(stream(count=count))


def test_a_lost_line_is_found_by_the_count() -> None:
    """Lines that are whole but too few, or doubled, are not the whole."""
    all_lines = lines(OBJECTS)
    for changed in (all_lines[:2] + all_lines[3:], all_lines[:2] + all_lines[1:]):
        with pytest.raises(Permanent, match="objects but counted 5"):
            read(b"".join(changed))


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"", "does not begin with a header"),
        (b"[0,1]", "does not begin with a header"),
        (b"{}", "does not begin with a header"),
        (b"<html>", "does not begin with a header"),
        (b'{"modelsync":3,"new":1}', "speaks version 3 of the protocol, this is version 2"),
        (b'{"error":"no such table"}', "could not begin: no such table"),
        (b'{"modelsync":2,"models":[{"model":"a.b"}],"fingerprint":""}', "does not begin with a header"),
    ],
)
def test_a_wrong_header_is_told(header: bytes, why: str) -> None:
    """Nothing is read without it."""
    with pytest.raises(Permanent, match=why):
        Version2([header + b"\n"], "site")


@pytest.mark.parametrize(
    "models",
    [
        (MODELS[0], MODELS[0]),
        (wire.ModelHeader(model="a.b", fields=("x", "y"), many=("x",)),),
        (wire.ModelHeader(model="a.b", fields=("pk",)),),
    ],
)
def test_a_header_names_things_once(models: tuple[wire.ModelHeader, ...]) -> None:
    """Columns are told apart by their names."""
    with pytest.raises(Permanent, match="twice"):
        Version2([stream([], models=models)], "site")


def test_a_header_may_say_more() -> None:
    """What a later version adds without a new number is no error here."""
    header = {**json.loads(lines([])[0]), "more": 1}
    assert read(json.dumps(header).encode() + b"\n" + lines([])[1]) == []


def test_a_line_without_end_is_refused() -> None:
    """Trap: memory. A line has a largest size, wherever in it the pieces end."""
    content = stream([[0, 1, "x" * 1000]])
    assert read(content, longest=1100)
    for size in (7, 100, 400):
        with pytest.raises(Permanent, match="a line of more than 500 bytes"):
            list(Version2(pieces(content, range(0, len(content), size)), "site", longest=500).batches(9))
