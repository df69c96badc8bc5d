"""What tracking keeps: captured changes, the ledger of all tracked objects, and the position of the feed."""

from __future__ import annotations

from django.db import models

from modelsync.fields import KeyField


class Change(models.Model):
    """One captured write. It is read once, when it is given its place in the feed, and deleted then.

    `model` is a label as `shop.Product`, `object_pk` the primary key as text; blank where nobody knows which
    of the model's objects were written: all of them are looked at then.
    """

    class Op(models.TextChoices):
        """What was done."""

        UPSERT = "upsert"
        DELETE = "delete"

    model = KeyField(max_length=200)
    object_pk = KeyField(max_length=255)
    op = models.CharField(max_length=6, choices=Op)
    # Names, separated by spaces; blank for all.
    changed_fields = models.TextField(blank=True, default="")
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.op} {self.model} {self.object_pk}"


class Ledger(models.Model):
    """The newest state of a tracked object, as far as others are to know of it; it outlives the object.

    `version` rises with each change, `feed_position` is that of the last one: positions are given in the
    order of commits, so that whoever remembers the highest that it saw misses nothing. `digest` is a hash of
    the tracked values.
    """

    pk = models.CompositePrimaryKey("model", "object_pk")
    model = KeyField(max_length=200)
    object_pk = KeyField(max_length=255)
    version = models.PositiveBigIntegerField()
    feed_position = models.PositiveBigIntegerField(unique=True)
    deleted = models.BooleanField(default=False)
    digest = models.BinaryField(max_length=16)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.model} {self.object_pk} version {self.version}"


class Feed(models.Model):
    """The only row says how far the feed is, and which `epoch` it is of: a new one begins when a database
    was restored, and with it positions and versions that others may have seen already.
    """

    position = models.PositiveBigIntegerField(default=0)
    epoch = models.UUIDField()

    def __str__(self) -> str:
        return f"position {self.position}"
