"""What modelsync keeps: external systems and their keys, runs, rejections and checkpoints."""

from __future__ import annotations

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from modelsync.core.results import Status
from modelsync.fields import KeyField


class ExternalSystem(models.Model):
    """Another system that objects come from; its keys are ExternalKeyMappings."""

    name = models.CharField(
        max_length=100,
        unique=True,
        help_text="A short name, used by commands and code to find this external system.",
    )
    description = models.CharField(
        max_length=80,
        blank=True,
        help_text="A human readable name for this external system.",
    )

    class Meta:
        verbose_name = "External System"

    def __str__(self) -> str:
        return self.description or self.name


class ExternalKeyMapping(models.Model):
    """What an external system calls one of our objects.

    `object_id` is the object's primary key as text, whatever its type. Keys and ids differ by case.
    """

    content_type = models.ForeignKey(
        ContentType,
        on_delete=models.CASCADE,
        db_index=False,
        help_text="The type of object that is mapped to the external system.",
    )
    object_id = KeyField(max_length=255)
    content_object = GenericForeignKey("content_type", "object_id")
    external_system = models.ForeignKey(ExternalSystem, on_delete=models.CASCADE, db_index=False)
    external_key = KeyField(
        max_length=255,
        help_text="The key of the internal object in the external system.",
    )

    class Meta:
        verbose_name = "External Key Mapping"
        # Both foreign keys stand first in one of these, so they need no index of their own.
        constraints = [
            models.UniqueConstraint(
                fields=["external_system", "content_type", "external_key"],
                name="modelsync_key_unique",
            ),
        ]
        indexes = [models.Index(fields=["content_type", "object_id"], name="modelsync_key_object")]

    def __str__(self) -> str:
        kind = self.content_type
        return (
            f"{self.external_system.name}:{self.external_key}-{kind.app_label}.{kind.model}:{self.object_id}"
        )


class Run(models.Model):
    """One execution of a sync: who, what, when, and what came of it."""

    name = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=20, default=Status.RUNNING.value)
    dry_run = models.BooleanField(default=False)
    counts = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)
    report = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    error = models.TextField(blank=True)
    # A name, not a foreign key: modelsync does not depend on django.contrib.auth.
    started_by = models.CharField(max_length=150, blank=True)

    class Meta:
        get_latest_by = "started_at"
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.name or 'run'} {self.pk} ({self.status})"


class Rejection(models.Model):
    """A record refused, kept with its reason so that a person can mend and retry it."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="rejections")
    number = models.PositiveBigIntegerField(help_text="The record's ordinal in the input, from 0.")
    origin = models.TextField(blank=True)
    column = models.CharField(max_length=255, blank=True)
    value = models.TextField(blank=True)
    reason = models.TextField()
    raw = models.JSONField(default=dict, blank=True, encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ["run", "number"]

    def __str__(self) -> str:
        return f"{self.origin or f'record {self.number + 1}'}: {self.reason}"


class Checkpoint(models.Model):
    """Where a run can go on: saved in the same transaction as the effects that came before it.

    `fingerprint` tells input and options apart; `state` is what the engine must remember besides
    the cursor.
    """

    fingerprint = models.CharField(max_length=64, unique=True)
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="checkpoints")
    cursor = models.JSONField(null=True, blank=True)
    state = models.BinaryField(default=b"")
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.fingerprint[:12]} of {self.run}"
