"""Action flags and match expressions, as text and as values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelsync.core.errors import RecordError
from modelsync.core.records import OMITTED, Action, Match, Origin

C, U, D, F = Action.CREATE, Action.UPDATE, Action.DELETE, Action.FORCE


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("", Action.NONE),
        ("  ", Action.NONE),
        ("c", C),
        ("u", U),
        ("d", D),
        ("cu", C | U),
        ("UC", C | U),
        ("u*", U | F),
        ("*d", D | F),
        (" cu* ", C | U | F),
        ("*", F),
        ("cc", C),
    ],
)
def test_flags(text: str, action: Action) -> None:
    """Letters in any order and case; FORCE alone does nothing by itself."""
    assert Action.parse(text) == action


@pytest.mark.parametrize("text", ["cd", "ud", "cud*", "dc"])
def test_flags_that_contradict_each_other(text: str) -> None:
    """A row deletes, or it creates and updates."""
    with pytest.raises(RecordError, match="same object") as caught:
        Action.parse(text)
    assert (caught.value.column, caught.value.value) == ("action_flags", text)


@pytest.mark.parametrize("text", ["x", "c u", "c,u", "create", "ç"])
def test_flags_that_are_unknown(text: str) -> None:
    """The letter that is none is named."""
    with pytest.raises(RecordError, match="unknown"):
        Action.parse(text)


@given(st.sets(st.sampled_from("cu*")) | st.sets(st.sampled_from("d*")))
def test_flags_are_written_as_they_are_read(letters: set[str]) -> None:
    """`str` gives the letters back."""
    action = Action.parse("".join(letters))
    assert Action.parse(str(action)) == action
    assert set(str(action)) == letters


def told(text: str) -> str:
    """An expression with parentheses."""
    return Match.parse(text).fold(
        str, lambda a, b: f"({a}&{b})", lambda a, b: f"({a}|{b})", lambda a: f"~{a}"
    )


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a", "a"),
        ("a b", "(a&b)"),
        ("a b c", "((a&b)&c)"),
        ("a b &", "(a&b)"),
        ("a b |", "(a|b)"),
        ("a ~", "~a"),
        ("a ~ b &", "(~a&b)"),
        ("a b | c &", "((a|b)&c)"),
        ("a b c | &", "(a&(b|c))"),
        ("a b | ~", "~(a|b)"),
        ("owner=>code  name", "(owner=>code&name)"),
    ],
)
def test_expressions(text: str, meaning: str) -> None:
    """Postfix operators; names without any are ANDed."""
    assert told(text) == meaning


@pytest.mark.parametrize("text", ["&", "a &", "~", "a b | |", "| a b"])
def test_expressions_with_too_few_names(text: str) -> None:
    """An operator needs its operands before it."""
    with pytest.raises(RecordError, match="too few names") as caught:
        Match.parse(text)
    assert caught.value.column == "match_on"


@pytest.mark.parametrize("text", ["a b ~", "a b c |", "a ~ b"])
def test_expressions_with_too_few_operators(text: str) -> None:
    """With operators all parts have to be joined by them."""
    with pytest.raises(RecordError, match="too few operators"):
        Match.parse(text)


def test_names_of_an_expression() -> None:
    """Each name once, in order; operators are no names."""
    match = Match.parse("b a | b &")
    assert match.names == ("b", "a")
    assert str(match) == "b a | b &"
    assert not match.is_conjunction
    assert Match.parse("a b & c &").is_conjunction
    assert not Match.parse("a ~").is_conjunction
    assert Match().names == ()


@given(st.lists(st.sampled_from(["a", "b", "|", "&", "~"]), min_size=1, max_size=8))
def test_an_expression_is_read_or_refused(tokens: list[str]) -> None:
    """No expression breaks the reader, and one that was read can be evaluated."""
    try:
        match = Match.parse(" ".join(tokens))
    except RecordError:
        return
    assert match.fold(
        lambda name: name == "a", lambda a, b: a and b, lambda a, b: a or b, lambda a: not a
    ) in (
        True,
        False,
    )


def test_places() -> None:
    """Where a row is found again."""
    assert str(Origin("a.csv", 3)) == "a.csv:3"
    assert str(Origin("a.csv")) == "a.csv"
    assert repr(OMITTED) == "OMITTED"
