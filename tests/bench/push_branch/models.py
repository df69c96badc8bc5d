"""The copy of tests.office.Unit."""

from __future__ import annotations

from django.db import models

from modelsync.push.models import VersioningBaseModel


class Unit(VersioningBaseModel):
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=250)

    def __str__(self) -> str:
        return self.name
