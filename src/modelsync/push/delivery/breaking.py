"""The breaker of an application: who finds that nothing comes back leaves it alone for a while."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.mail import mail_admins
from django.db import transaction
from django.dispatch import Signal

from modelsync.push.applications import Application
from modelsync.push.delivery.schedule import CLOSED, Breaker
from modelsync.push.delivery.sending import Sent
from modelsync.push.delivery.verdicts import Verdict
from modelsync.push.jobs import JobChange

if TYPE_CHECKING:
    from modelsync.push.delivery.draining import Drain

log = logging.getLogger(__name__)

#: Sent with `application` and `reason` when an application was made inactive because nothing comes of it.
application_disabled = Signal()


class Gate:
    """Lets requests to an application through, or not, and remembers how they went.

    `is_wide` says that more than one request may be under way, `is_proven` that one has been answered.
    """

    def __init__(self, application: Application, options: Drain) -> None:
        self.application = application
        self.options = options
        self.breaker = Breaker(
            failures=application.failures, since=application.failing_since, not_before=application.not_before
        )
        self.is_wide = self.breaker.is_closed
        self.is_proven = False
        self.refusal = ""
        self._is_changed = False

    def enter(self, lease: timedelta) -> bool:
        """Whether this worker may send: of a half-open breaker, one may, for the time of a lease."""
        now = self.options.clock()
        if self.breaker.is_open(now):
            return False
        if self.is_wide:
            return True
        mine = self._rows().filter(not_before=self.breaker.not_before)
        return bool(mine.update(not_before=now + lease))

    def allows(self) -> bool:
        """Whether another request may go out."""
        is_tried = not self.is_wide and self._is_changed
        return not self.refusal and not is_tried and not self.breaker.is_open(self.options.clock())

    @property
    def is_mended(self) -> bool:
        """Whether the one request of a half-open breaker got through."""
        return not self.is_wide and self.breaker == CLOSED

    def note(self, sent: Sent) -> None:
        """A request was answered, or was not."""
        now = self.options.clock()
        disabled = next((each for each in sent.verdicts if each.verdict is Verdict.DISABLED), None)
        if disabled:
            self.refusal = f"it {disabled.reason}: it wants no more requests"
        elif sent.is_answered:
            self.is_proven = True
            self._is_changed = self._is_changed or self.breaker != CLOSED
            self.breaker = CLOSED
        else:
            wish = max((each.wish for each in sent.verdicts if each.wish is not None), default=None)
            self.breaker = self.breaker.failed(now, wish, self.options.chance)
            self._is_changed = True
            if self.breaker.is_hopeless(now):
                since = self.breaker.since
                self.refusal = (
                    f"every request has failed since {since:%Y-%m-%d %H:%M}: {sent.verdicts[0].reason}"
                )

    def settle(self) -> None:
        """Write down how the application does."""
        if self.refusal:
            self._disable()
        elif self._is_changed:
            self._rows().update(
                failures=self.breaker.failures,
                failing_since=self.breaker.since,
                not_before=self.breaker.not_before,
            )
            if self.is_mended:  # what had failed would wait for its next step, which may be a day
                self._failed().update(next_attempt_at=self.options.clock())

    def _disable(self) -> None:
        using = self.options.using
        with transaction.atomic(using=using):
            mine = self._rows().select_for_update().get()
            mine.inactive, mine.disabled_reason = True, self.refusal
            mine.save(using=using)
        log.error(
            "an application was made inactive", extra={"application": mine.pk, "application_name": mine.name}
        )
        application_disabled.send(sender=Application, application=mine, reason=self.refusal)
        try:
            mail_admins(
                f"modelsync: {mine.name} gets no more changes",
                f"The application {mine.name} was made inactive: {self.refusal}\n\n"
                f"Its changes are kept. Mend what is wrong, then make it active again.",
            )
        except OSError as error:  # whatever mail servers do; the log and the admin say it, too
            log.warning("the admins could not be told by mail", extra={"error": type(error).__name__})

    def _failed(self) -> Any:
        status = JobChange.STATUS.WAITING_AFTER_ERROR
        jobs = JobChange.objects.using(self.options.using).filter(application=self.application, status=status)
        return jobs.filter(lease_token=None)

    def _rows(self) -> Any:
        return Application.objects.using(self.options.using).filter(pk=self.application.pk)
