"""Which fields may be written in sets."""

from __future__ import annotations

import pytest
from django.db import connection, models
from django.test.utils import isolate_apps

from modelsync.core.errors import ConfigurationError
from modelsync.core.records import Match
from modelsync.targets.django.binding import compile_shape
from modelsync.targets.django.context import Context
from modelsync.targets.django.schema import Schema
from modelsync.targets.django.sql import dialect_for
from modelsync.targets.django.staged import why_objects
from modelsync.targets.django.target import DjangoTarget, TargetOptions
from tests.shop.models import Everything


@pytest.mark.django_db
def test_every_field_of_django_may_be_staged() -> None:
    """Whichever class of Django's defines a method of a field, it is Django's own."""
    schema = Schema(Everything)
    names = [field.name for field in schema.fields]
    shape = compile_shape(schema, names, Match(("code",)), connection, is_text=True, check=True)
    assert why_objects(Context(schema=schema, using="default"), shape, dialect_for(connection)) is None


@isolate_apps("tests.shop")
def test_a_composite_primary_key_is_refused() -> None:
    """It is said at once, not found out row by row."""

    class Line(models.Model):
        pk = models.CompositePrimaryKey("order", "number")
        order = models.IntegerField()
        number = models.IntegerField()

        class Meta:
            app_label = "shop"
            managed = False

    with pytest.raises(ConfigurationError, match="composite primary key"):
        DjangoTarget({("shop.Line", None): Line}, TargetOptions())
