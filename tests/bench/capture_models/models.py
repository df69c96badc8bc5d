"""The same table, captured in different ways."""

from __future__ import annotations

import uuid

from django.db import connection, models

from modelsync.tracking import TrackedManager, track


class Unit(models.Model):
    """The columns that the original's objects have, too."""

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4)
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=250)
    version = models.IntegerField(default=1)
    creation = models.DateTimeField(auto_now_add=True)
    last_edition = models.DateTimeField(auto_now=True)
    inactive = models.BooleanField(default=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class Plain(Unit):
    """Is not captured."""


class Seen(Unit):
    """Is captured by Django."""

    objects = TrackedManager()


track(Seen)

if connection.vendor == "postgresql":

    class Triggered(Unit):
        """Is captured by triggers."""

        objects = TrackedManager()

    class Narrow(Unit):
        """Is captured by triggers where two columns differ."""

        objects = TrackedManager()

    track(Triggered, capture="trigger")
    track(Narrow, fields=["code", "name"], capture="trigger")
