"""Who drains an application, as far as background workers are concerned."""

from __future__ import annotations

from datetime import datetime

from django.db import models

from modelsync.push.applications import Application


class AnnouncementQuerySet(models.QuerySet["Announcement", "Announcement"]):
    """Announcements."""

    def take(self, application: int, now: datetime, until: datetime) -> bool:
        """Whether the announcement of a drain is left to the caller: nobody else has it."""
        if self.filter(pk=application, until__lte=now).update(until=until):
            return True
        return self.get_or_create(application_id=application, defaults={"until": until})[1]

    def keep(self, application: int, until: datetime) -> None:
        """Have it for longer."""
        self.filter(pk=application).update(until=until)


class Announcement(models.Model):
    """A background task that drains this application was queued, or runs: until then there is no other.

    So a thousand changes queue one task, and an application that is slow holds one worker. It is never more
    than a promise: if the task is lost, or its worker dies, the time runs out.
    """

    application = models.OneToOneField(Application, models.CASCADE, primary_key=True)
    until = models.DateTimeField()

    objects = AnnouncementQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.application_id} until {self.until:%Y-%m-%d %H:%M:%S}"
