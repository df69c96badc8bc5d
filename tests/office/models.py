"""Models of a site that pushes."""

from __future__ import annotations

from django.db import models
from model_utils import FieldTracker

from modelsync.push.models import TrackingAndVersioningBaseModel
from modelsync.tracking import TrackedManager, track


class Unit(TrackingAndVersioningBaseModel):
    """As the documentation of django-objectsyncer has it, with its tracker."""

    code = models.CharField(max_length=20)
    name = models.CharField(max_length=250)

    tracker = FieldTracker()

    class Meta(TrackingAndVersioningBaseModel.Meta):
        pass

    def __str__(self) -> str:
        return self.name


class Member(TrackingAndVersioningBaseModel):
    """Without a tracker; with all kinds of values."""

    name = models.CharField(max_length=250)
    unit = models.ForeignKey(Unit, null=True, blank=True, on_delete=models.SET_NULL)
    friends = models.ManyToManyField("self", blank=True)
    profile = models.JSONField(default=dict)
    fee = models.DecimalField(max_digits=8, decimal_places=2, null=True)
    touched = models.DateTimeField(auto_now=True)

    class Meta(TrackingAndVersioningBaseModel.Meta):
        pass

    def __str__(self) -> str:
        return self.name


class Officer(Member):
    """Multi-table inheritance."""

    rank = models.CharField(max_length=20, default="")

    class Meta(TrackingAndVersioningBaseModel.Meta):
        pass


class Thing(models.Model):
    """Inherits nothing."""

    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=8, decimal_places=2, default=0)
    is_public = models.BooleanField(default=True)

    objects = TrackedManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.name


track(Thing)
