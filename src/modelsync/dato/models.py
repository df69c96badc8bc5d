"""What models that are filled from the CMS inherit from."""

from __future__ import annotations

from django.db import models

from modelsync.fields import KeyField


class DatoModel(models.Model):
    """An object that is a record, or a block, of the CMS.

    `created` and `modified` are the CMS's own times. What is gone there is `deleted` here, and keeps its
    values.
    """

    dato_identifier = KeyField(primary_key=True, max_length=255)
    created = models.DateTimeField()
    modified = models.DateTimeField()
    deleted = models.BooleanField(default=False)

    class Meta:
        abstract = True
