"""What a request accepts."""

from __future__ import annotations

import pytest

from modelsync.serving.accepting import choose_encoding, wants_lines

BOTH = ("zstd", "gzip")


@pytest.mark.parametrize(
    ("accept", "lines"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/x-ndjson", True),
        ("Application/X-NDJSON; q=0.5, application/json", True),
        ("text/html,application/x-ndjson;q=0", False),
        ("application/x-ndjson;q=high", False),
    ],
)
def test_version_2_is_for_those_that_name_it(accept: str, lines: bool) -> None:
    """Whatever they weigh, but nothing."""
    assert wants_lines(accept) is lines


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("br, deflate", None),
        ("gzip", "gzip"),
        ("gzip, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0, zstd;q=0", None),
        ("*", "zstd"),
        ("*;q=0.5, zstd;q=0", "gzip"),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
    ],
)
def test_the_heaviest_encoding_is_chosen(accepted: str, encoding: str | None) -> None:
    """Of two equal ones the better."""
    assert choose_encoding(accepted, BOTH) == encoding


def test_what_cannot_be_made_is_not_chosen() -> None:
    """Where zstandard is not installed."""
    assert choose_encoding("zstd, gzip", ("gzip",)) == "gzip"
