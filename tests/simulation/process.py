"""A process that kills itself with -9 at a named point, if DYING says so (`point:number`).

* `python -m tests.simulation.process worker`: `manage.py sync_worker`.
* `python -m tests.simulation.process writer SEED COUNT`: writes, and waits before it commits.

Nothing of modelsync is replaced, the statements tell the moment:

* `claiming`: jobs are claimed, the commit is missing (but on PostgreSQL); `claimed`: after it;
* `sent`: the answers are there, nothing of them is written down; `settling`: it is, the commit is missing;
  `settled`: after it;
* `sequencing`: the ledger has the new versions, the jobs do not; `enqueuing`: they do, the commit is missing;
  `sequenced`: after it;
* `written`: a writer's change is captured, the commit is missing; `committed`: after it.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import Any, Final

import django

#: The beginning of the statement that tells a point, and a part of it. Upper case: the commit comes next.
_SIGNS: Final = {
    "claiming": (("UPDATE", "WITH"), "modelsync_push_jobchange", "attempts_started"),
    "sent": (("UPDATE",), "modelsync_push_jobchange", "last_operation_result"),
    "settling": (("INSERT",), "modelsync_push_attempt", ""),
    "sequencing": (("INSERT", "REPLACE"), "modelsync_tracking_ledger", ""),
    "enqueuing": (("INSERT", "UPDATE"), "modelsync_push_jobchange", "request_date_time"),
    "written": (("INSERT", "WITH"), "modelsync_tracking_change", ""),
}
#: What is reached with the first statement that is not in the same transaction any more.
_AFTER: Final = {
    "claimed": "claiming",
    "settled": "settling",
    "sequenced": "sequencing",
    "committed": "written",
}
POINTS: Final = (*(name for name in _SIGNS if name != "written"), "claimed", "settled", "sequenced")


class Dying:
    """Counts how often a point is reached and kills the process at the right time."""

    def __init__(self, point: str) -> None:
        self.where, _, number = point.partition(":")
        self.left = int(number)
        self.passed = ""

    def connected(self, connection: Any, **_: Any) -> None:
        """Watch the statements of a connection."""
        connection.execute_wrappers.append(self.executing)

    def executing(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Run one statement."""
        if self.passed and not context["connection"].in_atomic_block:
            self.reached(next((name for name, before in _AFTER.items() if before == self.passed), ""))
            self.passed = ""
        found = [name for name, sign in _SIGNS.items() if _shows(sql, *sign)]
        if "sent" in found:
            self.reached("sent")
        result = execute(sql, params, many, context)
        for name in found:
            self.passed = name if name in _AFTER.values() else self.passed
            if name != "sent":
                self.reached(name)
        return result

    def reached(self, where: str) -> None:
        """A point is reached."""
        if where == self.where:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _shows(sql: str, starts: tuple[str, ...], table: str, part: str) -> bool:
    return sql.startswith(starts) and table in sql and part in sql


def work() -> None:
    """What `manage.py sync_worker` does."""
    from django.core.management import execute_from_command_line

    execute_from_command_line(["manage.py", "sync_worker", "--interval", "0.05"])


def write(seed: int, count: int) -> None:
    """So many transactions. Where two writers are in each other's way, one of them gives up its own."""
    from django.db import DatabaseError, transaction
    from django.utils import timezone

    from tests.simulation.steps import Draw
    from tests.simulation.writers import Writers

    draw, chance = Draw(seed), random.Random(seed)
    writers = Writers(timezone.now)
    for _ in range(count):
        try:
            with transaction.atomic():
                for op in draw.ops():
                    writers.write(op, "default")
                time.sleep(chance.random() / 50)
        except DatabaseError as error:
            print(f"a transaction was undone: {type(error).__name__}")


def main(kind: str, *given: str) -> None:
    """Be one."""
    django.setup()
    from django.db.backends.signals import connection_created

    if os.environ.get("DYING"):
        connection_created.connect(Dying(os.environ["DYING"]).connected, weak=False)
    if kind == "worker":
        work()
    else:
        write(*map(int, given))


if __name__ == "__main__":
    main(*sys.argv[1:])
