"""`python -m tests.dying COMMAND...`: a management command that kills itself with -9 at a named point.

DYING says where, as `point:number`; nothing of modelsync is replaced, Django's signals tell the moment:

* `inserted:2`: after the second statement that inserts categories, in the open transaction;
* `applied:3`: when the third step is done, before its checkpoint is saved;
* `uncommitted:3`: when that checkpoint is saved, before the commit;
* `committed:3`: right after that commit;
* `pass:2`: at the end of the first step of the second pass, before the commit;
* `end:1`: when the end of the first pass is done, before the commit;
* `finished:1`: after the last commit, before the run's row says that it is over.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import django


class Dying:
    """Counts how often points are reached and kills the process at the right time."""

    def __init__(self, point: str) -> None:
        self.where, _, number = point.partition(":")
        self.left = int(number)

    def reached(self, where: str) -> None:
        if where == self.where:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def saving(self, sender: Any, instance: Any, **_: Any) -> None:
        """A checkpoint, or a run, is about to be saved."""
        from modelsync.models import Checkpoint, Run

        if sender is Run and instance.status != "running":
            self.reached("finished")
        elif sender is Checkpoint:
            state = json.loads(bytes(instance.state))
            self.reached("applied")
            if state["phase"] == "rows" and state["at"] is None:
                self.reached("end")
            elif self.where == "pass" and state["pass"] == self.left - 1:
                os.kill(os.getpid(), signal.SIGKILL)

    def saved(self, sender: Any, using: str, **_: Any) -> None:
        """A checkpoint was saved."""
        from django.db import transaction

        from modelsync.models import Checkpoint

        if sender is Checkpoint:
            self.reached("uncommitted")
            transaction.on_commit(lambda: self.reached("committed"), using=using)

    def connected(self, connection: Any, **_: Any) -> None:
        """Watch the statements of a connection."""
        connection.execute_wrappers.append(self.executing)

    def executing(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Run one statement."""
        result = execute(sql, params, many, context)
        if sql.startswith("INSERT INTO") and "shop_category" in sql[:40]:
            self.reached("inserted")
        return result


def main() -> None:
    """Run the command."""
    django.setup()
    from django.core.management import execute_from_command_line
    from django.db.backends.signals import connection_created
    from django.db.models.signals import post_save, pre_save

    dying = Dying(os.environ["DYING"])
    pre_save.connect(dying.saving)
    post_save.connect(dying.saved)
    connection_created.connect(dying.connected)
    execute_from_command_line(["manage.py", *sys.argv[1:]])


if __name__ == "__main__":
    main()
