"""A new epoch of the feed: a database was restored, and goes on from an earlier state."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.dispatch import Signal

from modelsync.tracking.models import Feed
from modelsync.tracking.sequencing import epoch_of, hold

#: Sent with `using`, `epoch` and the `former` one, in the transaction that begins it.
epoch_began = Signal()


def new_epoch(using: str = "default") -> uuid.UUID:
    """Begin a new epoch: whoever follows the feed of this database will take everything anew.

    Positions and versions go on from what the database knows. Those that were given after the backup was made
    will be given again, to other changes; that the epoch is another one tells the two apart.
    """
    epoch = uuid.uuid4()
    with transaction.atomic(using=using):
        hold(using)
        former = epoch_of(using)
        Feed.objects.using(using).update(epoch=epoch)
        epoch_began.send(sender=Feed, using=using, epoch=epoch, former=former)
    return epoch
