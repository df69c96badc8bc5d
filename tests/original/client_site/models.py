"""What it keeps: not all models of the sender, and not all of their fields."""

from __future__ import annotations

from django.db import models
from objectsyncer.models import VersioningBaseModel


class Unit(VersioningBaseModel):
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=250)


class Member(VersioningBaseModel):
    """The original sets attributes as they come, so a reference can only be kept as the key that it is."""

    name = models.CharField(max_length=250)
    unit = models.UUIDField(null=True)
    fee = models.DecimalField(max_digits=8, decimal_places=2, null=True)
