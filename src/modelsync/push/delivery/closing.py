"""The end of a resynchronisation: all of a new epoch was sent, so what was not sent in it is no more.

After a restore, applications hold objects that were made after the backup, and that this site has never heard
of. Nobody but them knows which these are.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from modelsync.core.errors import SourceError
from modelsync.push.applications import Application
from modelsync.push.delivery.schedule import LONGEST_PAUSE
from modelsync.push.delivery.sending import Sender
from modelsync.push.jobs import JobChange
from modelsync.tracking.registry import REGISTRY

log = logging.getLogger(__name__)


def is_all_sent(application: Application, using: str) -> bool:
    """Whether an application has everything of a new epoch, and was not told so."""
    if not application.former_epochs or application.backfill is not None:
        return False
    unfinished = ~Q(status=JobChange.STATUS.DONE)
    return not JobChange.objects.using(using).filter(unfinished, application=application).exists()


def close_epoch(application: Application, sender: Sender, now: datetime, using: str) -> None:
    """Tell it. What it does not take is told again after a while."""
    labels = sorted(each.label for each in REGISTRY if _gets(application, each.label))
    rows = Application.objects.using(using).filter(pk=application.pk)
    if _is_told(sender, labels, application.former_epochs):
        with transaction.atomic(using=using):
            left = rows.select_for_update().values_list("former_epochs", flat=True).get()
            rows.update(former_epochs=[each for each in left if each not in application.former_epochs])
        application.former_epochs = []
    else:
        log.warning(
            "an application was not told that a new epoch is complete", extra={"application": application.pk}
        )
        rows.update(not_before=now + timedelta(seconds=LONGEST_PAUSE))


def _is_told(sender: Sender, labels: Sequence[str], former: Sequence[str]) -> bool:
    request = sender.wire.closing(labels, former)
    try:
        return request is None or 200 <= sender.transport.post(request).status < 300
    except SourceError:
        return False


def _gets(application: Application, label: str) -> bool:
    return application.filters.get(label, application.filters.get("*")) is not False
