"""A worker's drain of one application, with everything that goes wrong on the way and on the other side."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from modelsync.core.errors import Transient
from modelsync.push.delivery.draining import Delivered
from modelsync.push.delivery.transport import Answer, Request
from modelsync.tracking.models import Ledger
from tests.postbox import answered
from tests.simulation.receiver import Letter, Receiver
from tests.simulation.steps import Drains
from tests.simulation.truth import Truth

#: Seconds, see push/settings.py.
LEASE: Final = 60


class Killed(BaseException):
    """A worker dies: nothing catches it."""


class Dying:
    """Wraps the statements of a worker that dies after some of them, or at one that `text` is part of."""

    def __init__(self, *, after: int = 0, text: str = "") -> None:
        self.left = after
        self.text = text
        self.is_on = True

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Run one statement."""
        if self.is_on and self.text and all(part in sql for part in self.text.split()):
            raise Killed
        result = execute(sql, params, many, context)
        # Django notes after these that they were done, and undoes them by what it noted.
        is_own = sql.startswith(("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK"))
        if self.is_on and self.left and not is_own:
            self.left -= 1
            if not self.left:
                raise Killed
        return result


class Meanwhile:
    """Wraps the statements of a worker that sequences: somebody acts when it has read what there is."""

    def __init__(self, act: Callable[[], None]) -> None:
        self.act: Callable[[], None] | None = act

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Run one statement."""
        if self.act and sql.startswith("INSERT") and Ledger._meta.db_table in sql:
            act, self.act = self.act, None
            act()
        return execute(sql, params, many, context)


class Visit:
    """The transport and the watcher of one drain."""

    def __init__(
        self,
        step: Drains,
        receiver: Receiver,
        *,
        dying: Dying,
        somebody: Callable[[], None],
        other: Callable[[bool], None],
        clock: Callable[[], datetime],
    ) -> None:
        self.faults = list(step.faults)
        self.step = step
        self.receiver = receiver
        self.dying = dying
        self.somebody = somebody
        self.other = other
        self.clock = clock
        self.until = clock()
        self.point = step.point
        self.truth = receiver.truth or Truth()
        self.known = self.truth.now()
        self.is_old = False

    # What a drain tells.

    def reached(self, step: str) -> None:
        if step == "claimed":
            self.until = self.clock() + timedelta(seconds=LEASE - 1)
        self._pass(step)
        if step == "claimed":  # what is sent is read next
            self.known = self.truth.now()

    def delivered(self, told: Delivered) -> None:
        """It shows."""

    # What a drain sends.

    def post(self, request: Request) -> Answer:
        self._pass("posting")
        body = json.loads(request.body)
        self.is_old = "changes" not in body
        letter = Letter(request, self.known)
        self.receiver.expect(letter, self.clock(), self.until)
        if self.step.is_joined:
            self._meanwhile(lambda: self.other(False))
        fault = self.faults.pop(0) if self.faults else ""
        try:
            answer = _FAULTS[fault](self, letter) if fault else self.receiver.take(letter)
            self._pass("taken")
        except Transient:
            self._has_ended(letter)
            raise
        self._has_ended(letter)
        return answer

    def _has_ended(self, letter: Letter) -> None:
        for place in letter.places:
            if self.receiver.leases.get(place) == self.until:
                del self.receiver.leases[place]

    def close(self) -> None:
        """Nothing is open."""

    def _pass(self, point: str) -> None:
        if point == self.point:
            self.point = ""
            self._meanwhile(self.somebody)
        if point == self.step.dies:
            raise Killed

    def _meanwhile(self, act: Callable[[], None]) -> None:
        self.dying.is_on = False
        act()
        self.dying.is_on = True

    # What can go wrong. On version 1 of the wire nobody can tell an old deletion from a new one, nor an old
    # state of an object without a version: of these nothing is late.

    def lost(self, letter: Letter) -> Answer:
        raise Transient("the request was lost")

    def lost_answer(self, letter: Letter) -> Answer:
        self.receiver.take(letter)
        raise Transient("the answer was lost")

    def late(self, letter: Letter) -> Answer:
        if not self.is_old:
            self.receiver.late.append(letter)
        raise Transient("nothing came back")

    def twice(self, letter: Letter) -> Answer:
        answer = self.receiver.take(letter)
        body = json.loads(letter.request.body)
        if not self.is_old or (body["model"] == "Unit" and body["type"] != "DELETE"):
            self.receiver.late.append(letter)
        return answer

    def slow(self, letter: Letter) -> Answer:
        if self.is_old:
            return self.slow_answer(letter)
        self._meanwhile(lambda: self.other(True))
        return self.receiver.take(letter)

    def slow_answer(self, letter: Letter) -> Answer:
        answer = self.receiver.take(letter)
        self._meanwhile(lambda: self.other(True))
        return answer

    def half(self, letter: Letter) -> Answer:
        answer = self.receiver.take(letter, half=True)
        return answered(200, {"success": False}) if self.is_old else answer


def _answers(status: int, **headers: str) -> Callable[[Visit, Letter], Answer]:
    return lambda visit, letter: answered(status, {"error": "no"}, **headers)


_FAULTS: Final[dict[str, Callable[[Visit, Letter], Answer]]] = {
    "lost": Visit.lost,
    "lost answer": Visit.lost_answer,
    "late": Visit.late,
    "twice": Visit.twice,
    "slow": Visit.slow,
    "slow answer": Visit.slow_answer,
    "half an answer": Visit.half,
    "429": _answers(429, **{"retry-after": "30"}),
    **{str(status): _answers(status) for status in (302, 410, 422, 500)},
}
