"""The fields of objects that carry their own version, on the side that sends and on those that receive."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils import timezone

from modelsync.fields import EditionField


class VersioningBaseModel(models.Model):
    """A uuid that is the primary key everywhere, a version from 1, the times of the creation and of the last
    edition, and whether the object is inactive.

    Nothing here changes the version: on a receiving site it is what the sender says.
    """

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4)
    version = models.IntegerField(default=1)
    creation = models.DateTimeField(default=timezone.now, editable=False)
    last_edition = EditionField(blank=True, editable=False)
    inactive = models.BooleanField(default=False)

    class Meta:
        abstract = True
