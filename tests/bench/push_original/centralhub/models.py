"""As the documentation of django-objectsyncer has it; its command imports JobChange from here."""

from __future__ import annotations

from django.db import models
from model_utils import FieldTracker
from objectsyncer.models import Application, JobChange, TrackingAndVersioningBaseModel

__all__ = ["Application", "JobChange", "Unit"]


class Unit(TrackingAndVersioningBaseModel):
    code = models.CharField(max_length=20)
    name = models.CharField(max_length=250)

    tracker = FieldTracker()

    def __str__(self) -> str:
        return self.name
