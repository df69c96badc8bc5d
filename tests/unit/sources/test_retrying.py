"""When there is another try."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from modelsync.core.errors import Permanent, Transient
from modelsync.sources.retrying import PATIENCE, again, retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("7", 7),
        (" 120 ", 120),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_seconds_are_read(text: str | None, seconds: float | None) -> None:
    """RFC 9110: whole seconds, or a date."""
    assert retry_after(text) == seconds


def test_dates_are_read() -> None:
    """A date that is over means now."""
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    asked = retry_after(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    assert asked is not None
    assert 3000 < asked <= 3600


def test_only_what_may_work_is_tried_again() -> None:
    """After as many seconds as the server asks for, if it asks for few enough."""
    assert again(Transient("busy")) is True
    assert again(Transient("busy", retry_after=0)) is True
    assert again(Transient("busy", retry_after=7)) == 7
    assert again(Transient("busy", retry_after=PATIENCE + 1)) is False
    assert again(Permanent("no")) is False
    assert again(ValueError("no")) is False
