"""When to try again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: Seconds between attempts: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h.
DELAYS: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
#: So much earlier or later, by chance, so that what failed together does not come back together.
SPREAD: Final = 0.2
#: Failures in a row after which an application is left alone for a while.
THRESHOLD: Final = 5
#: For so long at first, and at most, in seconds; it doubles with each failure.
PAUSE: Final = 5
LONGEST_PAUSE: Final = 600
#: The longest wait that an answer may ask for, in seconds.
LONGEST_WISH: Final = 86_400
#: An application that fails for so long is made inactive.
GIVE_UP: Final = timedelta(days=5)
#: Attempts that began, and of which nothing was heard, after which the object is held to be the cause.
LOST: Final = 3

#: Gives a number from 0 to 1.
Chance = Callable[[], float]


def spread(seconds: float, chance: Chance) -> timedelta:
    """About so long."""
    return timedelta(seconds=seconds * (1 + SPREAD * (2 * chance() - 1)))


def delay(attempt: int, chance: Chance) -> timedelta:
    """How long to wait after the `attempt`th failure, from 1; after the last step, that again."""
    return spread(DELAYS[min(attempt, len(DELAYS)) - 1], chance)


def is_last(attempt: int) -> bool:
    """Whether no step is left after that many failures."""
    return attempt > len(DELAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Whether an application is worth a request: closed, it is; open until `not_before`, it is not.

    After that it is half open: one request goes out, and what becomes of it closes or opens it.
    """

    failures: int
    since: datetime | None
    not_before: datetime | None

    def is_open(self, now: datetime) -> bool:
        """Whether nothing is sent."""
        return self.not_before is not None and now < self.not_before

    @property
    def is_closed(self) -> bool:
        """Whether as much is sent as there is."""
        return self.failures < THRESHOLD

    def failed(self, now: datetime, wish: float | None, chance: Chance) -> Breaker:
        """After a request that did not get through; `wish` is how many seconds the answer asked for."""
        failures, until = self.failures + 1, self.not_before
        if failures >= THRESHOLD:
            pause = min(PAUSE * 2 ** min(failures - THRESHOLD, 30), LONGEST_PAUSE)
            until = now + spread(pause, chance)
        if wish is not None:
            wished = now + timedelta(seconds=min(wish, LONGEST_WISH))
            until = max(until, wished) if until else wished
        return Breaker(failures=failures, since=self.since or now, not_before=until)

    def is_hopeless(self, now: datetime) -> bool:
        """Whether it has failed for too long."""
        return self.since is not None and now - self.since > GIVE_UP


CLOSED: Final = Breaker(failures=0, since=None, not_before=None)
