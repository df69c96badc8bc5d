"""What a receiver remembers: what it has received of each object, and what waits for something else."""

from __future__ import annotations

from typing import Any

from django.db import models

from modelsync.fields import KeyField


class SeenEpoch(models.Model):
    """An epoch that a sender's versions are of. One that was seen later is newer: its `id` is higher.

    `signers` has a fingerprint of each secret that it was signed with, one on a line: two epochs that have
    one in common are of the same sender.
    """

    id: Any = models.BigAutoField(primary_key=True)
    epoch = models.UUIDField(unique=True)
    signers = models.TextField(blank=True, default="")
    first_seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.epoch)


class Received(models.Model):
    """What was received of an object last; it outlives the object.

    `model` is a label of this site, `object_pk` the primary key as text. `epoch` is the number of a
    SeenEpoch, 0 where the object came by version 1 of the wire: then `version` is the object's own, and
    `creation` tells its lives apart. A row of version 0 says nothing: it was only made to be locked.
    """

    pk = models.CompositePrimaryKey("model", "object_pk")
    model = KeyField(max_length=200)
    object_pk = KeyField(max_length=255)
    epoch = models.PositiveBigIntegerField(default=0)
    version = models.PositiveBigIntegerField(default=0)
    deleted = models.BooleanField(default=False)
    creation = models.DateTimeField(null=True)
    received_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.model} {self.object_pk} version {self.version}"


class HeldBack(models.Model):
    """The newest state of an object that cannot be written before something else is here; or its deletion,
    which cannot be done before nothing received refers to it. `fields` is JSON.

    `reason` is not blank where it was tried in vain, when what it waited for had come.
    """

    pk = models.CompositePrimaryKey("model", "object_pk")
    model = KeyField(max_length=200)
    object_pk = KeyField(max_length=255)
    deletes = models.BooleanField(default=False)
    fields = models.TextField()
    is_text = models.BooleanField(default=False)
    reason = models.TextField(blank=True, default="")
    held_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.model} {self.object_pk}"


class Awaited(models.Model):
    """An object refers to another one that is not here, by one of its fields.

    Where it `is_required` the object is held back; otherwise it is there, and the reference is filled in when
    the other one comes: the one of `target_model` whose `target_field` is `target_key`.
    """

    id: Any = models.BigAutoField(primary_key=True)
    model = KeyField(max_length=200)
    object_pk = KeyField(max_length=255)
    field = models.CharField(max_length=200)
    target_model = KeyField(max_length=200)
    target_field = models.CharField(max_length=200)
    target_key = KeyField(max_length=255)
    is_required = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["target_model", "target_key"], name="modelsync_push_awaited_key"),
            models.Index(fields=["model", "object_pk"], name="modelsync_push_awaiting"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.object_pk} awaits {self.target_model} {self.target_key}"
