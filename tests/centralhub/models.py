"""What is pushed: as a project has it that uses django-objectsyncer."""

from __future__ import annotations

from django.db import models
from model_utils import FieldTracker
from objectsyncer.models import TrackingAndVersioningBaseModel


class Label(TrackingAndVersioningBaseModel):
    name = models.CharField(max_length=50)
    tracker = FieldTracker()

    def __str__(self) -> str:
        return self.name


class Product(TrackingAndVersioningBaseModel):
    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=10, decimal_places=2, null=True)
    colour = models.CharField(max_length=20, blank=True)
    facts = models.JSONField(null=True)
    labels = models.ManyToManyField(Label)
    tracker = FieldTracker()

    def __str__(self) -> str:
        return self.name


class Review(TrackingAndVersioningBaseModel):
    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    text = models.TextField(blank=True)
    tracker = FieldTracker()

    def __str__(self) -> str:
        return self.text


class Unit(TrackingAndVersioningBaseModel):
    name = models.CharField(max_length=50)
    tracker = FieldTracker()

    def __str__(self) -> str:
        return self.name
