"""Which names are taken, and what address each has."""

from __future__ import annotations

import pytest

from modelsync.media.fetching import file_url, media_base
from modelsync.media.parts import PREFIX
from modelsync.media.safety import why_refused

REFUSED = {
    "../a": "dots",
    "a/../b": "dots",
    "a/./b": "dots",
    "..": "dots",
    ".": "dots",
    "a/..": "dots",
    "/a": "absolute",
    "//host/a": "absolute",
    "C:/a": "absolute",
    "c:a": "absolute",
    "a\\b": "backslash",
    "..\\a": "backslash",
    "a\0.png": "NUL",
    "a//b": "empty",
    "a/": "empty",
    "": "empty",
    "x" * 256: "256 bytes",
    "x" * 300: "300 bytes",
    "ä" * 128: "256 bytes",
    "/".join(["x" * 100] * 10): "1,009 characters",
    f"a/{PREFIX}b.part": "unfinished",
    "a\ud800": "UTF-8",
}
TAKEN = [
    "a",
    "a/b.png",
    "..a",
    "a..b/c..",
    "...",
    "x" * 255,
    "ä" * 127,
    "a b",
    "~/a",
    "ab:c",
    "%2e%2e/a",
    ".hidden",
]


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    """With what is wrong with each."""
    assert REFUSED[name] in str(why_refused(name))


@pytest.mark.parametrize("name", TAKEN)
def test_all_other_names_are_taken(name: str) -> None:
    """Also odd ones."""
    assert why_refused(name) is None


@pytest.mark.parametrize("url", ["https://example.org/media", "https://example.org/media/"])
def test_an_address_is_the_base_and_the_quoted_name(url: str) -> None:
    """With or without a slash at its end."""
    assert file_url(media_base(url), "a b/100%?#ä.png") == (
        "https://example.org/media/a%20b/100%25%3F%23%C3%A4.png"
    )
