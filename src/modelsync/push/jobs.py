"""What is delivered, and what was tried."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from modelsync.fields import KeyField
from modelsync.push.applications import Application


class JobQuerySet(models.QuerySet["JobChange", "JobChange"]):
    """Jobs."""

    def hold_or_release(self, application: Application) -> None:
        """Put an application's jobs on hold while it is inactive, and have them wait when it is not."""
        status = JobChange.STATUS
        mine = self.filter(application=application)
        if application.inactive:
            mine.exclude(status__in=[status.DONE, status.ON_HOLD]).update(
                status=status.ON_HOLD, next_attempt_at=None, lease_token=None
            )
        else:
            mine.filter(status=status.ON_HOLD).update(status=status.WAITING, next_attempt_at=timezone.now())

    def locked(self) -> list[int]:
        """Lock these jobs, in an order that is the same for all; their primary keys.

        Whoever then updates several of them cannot wait for somebody who waits for it.
        """
        return list(self.order_by("pk").select_for_update().values_list("pk", flat=True))

    def retry(self, now: datetime) -> int:
        """Have these jobs sent as if they had never been tried; the number of them.

        What is on its way is left alone, and so is what is on hold.
        """
        status = JobChange.STATUS
        on_its_way = Q(lease_token__isnull=False, next_attempt_at__gt=now)
        return self.exclude(on_its_way | Q(status=status.ON_HOLD)).update(
            status=status.WAITING,
            next_attempt_at=now,
            lease_token=None,
            attempts_started=0,
            attempts_finished=0,
            first_failure_at=None,
        )


class JobChange(models.Model):
    """The delivery of one object's newest state to one application; there is one for each object.

    It is due from `next_attempt_at` on, and not at all where that is None. Whoever sends it first moves
    that to the end of a lease, so that it is due again if nothing comes of it.
    """

    class STATUS(models.TextChoices):
        """What became of it: to be sent, not to be sent for now, failed and to be tried again, sent, refused
        for good or until it is replayed.
        """

        WAITING = "WAITING"
        ON_HOLD = "ON_HOLD"
        WAITING_AFTER_ERROR = "WAITING_AFTER_ERROR"
        DONE = "DONE"
        FATAL_ERROR = "FATAL_ERROR"

    class CHANGE_TYPES(models.TextChoices):
        """What is to be done."""

        CREATE_OR_UPDATE = "CREATE_OR_UPDATE"
        DELETE = "DELETE"

    # Two other indexes begin with it.
    application = models.ForeignKey(Application, models.CASCADE, db_index=False)
    request_date_time = models.DateTimeField(default=timezone.now)
    change_type = models.CharField(max_length=25, choices=CHANGE_TYPES, default=CHANGE_TYPES.CREATE_OR_UPDATE)
    #: `app.Model`; `target_model` is the name of the class alone.
    target_label = KeyField(max_length=200)
    target_model = models.CharField(max_length=100)
    target_uuid = KeyField(max_length=255)
    status = models.CharField(max_length=25, choices=STATUS, default=STATUS.WAITING)
    version = models.PositiveBigIntegerField(default=1)
    claimed_version = models.PositiveBigIntegerField(default=0)
    acked_version = models.PositiveBigIntegerField(default=0)
    #: Whether the application may have the object: it was sent, and no deletion of it has been.
    may_hold = models.BooleanField(default=False)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    attempts_started = models.PositiveIntegerField(default=0)
    attempts_finished = models.PositiveIntegerField(default=0)
    first_failure_at = models.DateTimeField(null=True, blank=True)
    last_operation_date_time = models.DateTimeField(null=True, blank=True)
    last_operation_result = models.TextField(null=True, blank=True)  # as documented

    objects = JobQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["application", "target_label", "target_uuid"], name="modelsync_push_one_job"
            )
        ]
        indexes = [models.Index(fields=["application", "next_attempt_at"], name="modelsync_push_due")]

    def __str__(self) -> str:
        return f"[{self.application.name}] {self.target_model} {self.target_uuid} : {self.status}"

    @staticmethod
    def create(
        target_model: str,
        target_uuid: object,
        change_type: str = CHANGE_TYPES.CREATE_OR_UPDATE,
        using: str = "default",
    ) -> None:
        """Have an object sent to all applications, whether or not it is tracked.

        Args:
            target_model: the name of its class, or its label.
            target_uuid: its primary key.
            change_type: one of CHANGE_TYPES.
            using: the database.
        """
        from modelsync.push.queueing import request

        request(target_model, str(target_uuid), change_type, using)


class Attempt(models.Model):
    """A request to an application: what was sent and what came back. Old ones are deleted."""

    #: Bytes of an answer that are kept.
    MOST = 20_000

    id: Any = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, models.CASCADE)
    started_at = models.DateTimeField(db_index=True)
    seconds = models.FloatField()
    #: `[label, key, version]` of each object.
    sent = models.JSONField()
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.TextField(blank=True, default="")
    error = models.TextField(blank=True, default="")

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M:%S} {len(self.sent)} objects: {self.status or self.error}"
