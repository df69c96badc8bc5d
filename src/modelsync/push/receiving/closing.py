"""The end of a resynchronisation: all of a new epoch has arrived, so what has not is no more.

After a restore, a sender does not know of objects that were made after the backup.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from modelsync import conf
from modelsync.core.errors import GuardError
from modelsync.core.guard import Guard
from modelsync.push.receiving.accepting import Acceptance, Accepted
from modelsync.push.receiving.arrivals import Arrival
from modelsync.push.receiving.fences import rank_of
from modelsync.push.receiving.taking import take

#: Deletions of a transaction.
_SOME = 500


def close(epoch: UUID, names: Sequence[str], acceptance: Acceptance, signers: frozenset[str]) -> None:
    """Delete what came of these models from the same sender in epochs before this one, and not in it.

    Raises GuardError where that would be more than `MODELSYNC["max_deletes"]` allows.
    """
    doomed: list[Arrival] = []
    guard = Guard.parse(conf.current().max_deletes)
    accepted = {each: name for name in names if (each := acceptance.of(name))}
    for each, name in accepted.items():
        keys = _unseen(each, epoch, signers)
        total = each.model._base_manager.using(each.using).count()
        _check(guard, len(keys), max(total, len(keys)), each.label)
        doomed += [Arrival(name=name, key=key, deletes=True, fields={}, epoch=epoch) for key in keys]
    for start in range(0, len(doomed), _SOME):
        take(doomed[start : start + _SOME], acceptance, {}, signers)


def _unseen(accepted: Accepted, epoch: UUID, signers: frozenset[str]) -> list[str]:
    """The keys of what was received of a model from the same sender, but not since the epoch began."""
    from modelsync.push.receiving.tables import Received, SeenEpoch

    using = accepted.using
    earlier = SeenEpoch._base_manager.using(using).filter(pk__lt=rank_of(epoch, using, signers))
    before = [each.pk for each in earlier if signers & {*each.signers.split()}]
    rows = Received._base_manager.using(using).filter(model=accepted.label, epoch__in=before, deleted=False)
    return list(rows.values_list("object_pk", flat=True))


def _check(guard: Guard, deletes: int, table: int, label: str) -> None:
    try:
        guard.check_missing(deletes, table, label)
    except GuardError as error:
        raise GuardError(
            f"{deletes} of {table} {label} objects have not come in the new epoch; so many are not deleted "
            f'for that. See that the sender sent all, then allow it here with MODELSYNC["max_deletes"]'
        ) from error
