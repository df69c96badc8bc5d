"""What a branch keeps of what headquarters has."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from modelsync.push.models import VersioningBaseModel


class Category(models.Model):
    """A tree: a category may come before its parent."""

    code = models.CharField(max_length=20)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)

    def __str__(self) -> str:
        return self.code


class Label(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50, blank=True)

    def __str__(self) -> str:
        return self.name


class Product(VersioningBaseModel):
    """Versioned, as django-objectsyncer documents it, with all kinds of relations."""

    sku = models.CharField(max_length=32, null=True, unique=True)
    name = models.CharField(max_length=100)
    price = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    facts = models.JSONField(null=True, blank=True)
    category = models.ForeignKey(Category, null=True, blank=True, on_delete=models.SET_NULL)
    labels = models.ManyToManyField(Label, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(price__gte=0), name="branch_product_price")]

    def __str__(self) -> str:
        return self.name


class Review(models.Model):
    """Cannot be without its product."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    text = models.TextField(blank=True)
    author = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)
    moderated_at = models.DateTimeField(auto_now=True)
    written_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.text


class Price(models.Model):
    """Protects its product, and is named by its own code."""

    code = models.CharField(max_length=20, unique=True)
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="prices")
    amount = models.IntegerField(default=0)

    def __str__(self) -> str:
        return self.code


class Offer(models.Model):
    """Refers to something else than a primary key."""

    price = models.ForeignKey(Price, null=True, on_delete=models.SET_NULL, to_field="code")
    title = models.CharField(max_length=50, blank=True)

    def __str__(self) -> str:
        return self.title


class Machine(Product):
    """Multi-table inheritance."""

    power = models.IntegerField(default=0)


class Fussy(models.Model):
    """Its own code refuses some values, and one of them not nicely."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.name == "bad":
            raise ValidationError("bad is bad")
        if self.name == "worse":
            raise RuntimeError("the secret of another object")
        super().save(*args, **kwargs)


class Note(models.Model):
    """Nobody pushes it."""

    product = models.ForeignKey(Product, null=True, on_delete=models.CASCADE)
    text = models.CharField(max_length=50, blank=True)

    def __str__(self) -> str:
        return self.text
