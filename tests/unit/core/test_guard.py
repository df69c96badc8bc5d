"""The delete guard."""

from __future__ import annotations

import pytest

from modelsync.core.errors import ConfigurationError, GuardError
from modelsync.core.guard import Guard


@pytest.mark.parametrize(
    ("deletes", "table", "refused"),
    [
        (10, 10, False),
        (11, 11, True),
        (11, 110, False),
        (12, 110, True),
        (1000, 10_000, False),
        (0, 0, False),
    ],
)
def test_the_default(deletes: int, table: int, refused: bool) -> None:
    """Over 10 rows and over 10 % of the table: both."""
    if refused:
        with pytest.raises(GuardError, match=f"--max-deletes {deletes}"):
            Guard().check_missing(deletes, table, "shop.Product")
    else:
        Guard().check_missing(deletes, table, "shop.Product")


@pytest.mark.parametrize(
    ("text", "deletes", "refused"),
    [
        ("5", 5, False),
        (5, 6, True),
        ("0", 1, True),
        ("25%", 25, False),
        (" 25 % ", 26, True),
        ("0%", 1, True),
        ("100%", 100, False),
    ],
)
def test_a_bound_that_is_given(text: str | int, deletes: int, refused: bool) -> None:
    """A number of rows, or a percentage of a table of 100."""
    guard = Guard.parse(text)
    if refused:
        with pytest.raises(GuardError):
            guard.check_missing(deletes, 100, "shop.Product")
    else:
        guard.check_missing(deletes, 100, "shop.Product")


def test_a_number_bounds_all_deletes() -> None:
    """A percentage is of what is missing only, a number is of the whole run."""
    Guard.parse(None).check_total(10**6)
    Guard.parse("1%").check_total(10**6)
    Guard.parse(5).check_total(5)
    with pytest.raises(GuardError, match="would delete 6"):
        Guard.parse(5).check_total(6)


@pytest.mark.parametrize("text", ["many", "-1", "101%", "-1%", "%", "", "1.5"])
def test_what_is_no_bound(text: str) -> None:
    """Said before anything is read."""
    with pytest.raises(ConfigurationError, match="max-deletes"):
        Guard.parse(text)
