"""After each commit that had changes, they are sequenced by the process that made them."""

from __future__ import annotations

import logging

from django.db import transaction

from modelsync import conf

log = logging.getLogger(__name__)


class _Sequencing:
    """What is called after a commit; one for each database, so that it is known again."""

    def __init__(self, using: str) -> None:
        self.using = using

    def __call__(self) -> None:
        from modelsync.tracking.sequencing import sequence

        try:
            sequence(self.using)
        except Exception as error:  # of any kind: the writer has committed, and must not fail by it
            log.warning("sequencing failed; the next one does it", extra={"error": type(error).__name__})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sequencing) and other.using == self.using

    def __hash__(self) -> int:
        return hash(self.using)


def wake(using: str) -> None:
    """Sequence after the commit of the open transaction, once, unless the settings leave it to workers.

    A failure then is logged and does no harm: the changes are still there for the next sequencing.
    """
    if not conf.current().sequence_on_commit:
        return
    connection, wanted = transaction.get_connection(using), _Sequencing(using)
    for savepoints, function, _ in reversed(connection.run_on_commit):
        # What was registered within a savepoint that is still open may go with it, but we would go, too.
        if function == wanted and savepoints - {None} <= set(connection.savepoint_ids):
            return
    transaction.on_commit(wanted, using=using, robust=True)
