"""What an answer means for what was sent. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

_QUARANTINE: Final = (400, 413, 422)
_GONE: Final = 410
#: What a client of django-objectsyncer answers to all deletions: it is there, and does not do it.
_LEFT: Final = 304
_OVERLOADED: Final = (429, 502, 503, 504)
_FORBIDDEN: Final = (401, 403, 404, 405)


class Verdict(Enum):
    """What became of an object, or of all in a request."""

    DONE = auto()  # it has it, or something newer
    REFUSED = auto()  # this object is not wanted as it is; another try would not help
    FAILED = auto()  # this object was not taken; another try may help
    UNREACHED = auto()  # the application did not do its part, whatever was sent
    DISABLED = auto()  # it wants no more requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A verdict with its reason, for people.

    `wish` is the number of seconds that an answer asked for; `is_answer` says that the application did its
    part, whatever it thinks of what was sent.
    """

    verdict: Verdict
    reason: str = ""
    wish: float | None = None
    is_answer: bool = True


DONE: Final = Judged(verdict=Verdict.DONE)


def judge_status(status: int, says: str, wish: float | None) -> Judged | None:
    """What a status means; None for 2xx, where the body tells. `says` is the beginning of the answer."""
    if 200 <= status < 300:
        return None
    reason = f"answered {status}{f': {says}' if says else ''}"
    if status == _GONE:
        return Judged(verdict=Verdict.DISABLED, reason=reason)
    if status in _QUARANTINE:
        return Judged(verdict=Verdict.REFUSED, reason=reason)
    if status in _OVERLOADED:
        return unreached(reason, wish)
    if status in _FORBIDDEN:
        return unreached(f"{reason}; check its address and our key")
    return Judged(verdict=Verdict.FAILED, reason=reason, is_answer=status == _LEFT)


def unreached(reason: str, wish: float | None = None) -> Judged:
    """The application did not do its part."""
    return Judged(verdict=Verdict.UNREACHED, reason=reason, wish=wish, is_answer=False)
