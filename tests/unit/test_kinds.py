"""Field classes of a project: like what they inherit from, unless they change what values mean."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import models

from modelsync.kinds import Kind, kind_of, make_writer

Base: Any = models.CharField


class Stripped(Base):
    """Changes how it is saved, not what is read."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return super().pre_save(model_instance, add)


class Secret(Base):
    """Holds something else than its column."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return value


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        (models.CharField(), Kind.PLAIN),
        (models.EmailField(), Kind.PLAIN),
        (models.BigAutoField(primary_key=True), Kind.PLAIN),
        (models.DateTimeField(), Kind.DATETIME),
        (models.DateField(), Kind.PLAIN),
        (models.ImageField(), Kind.FILE),
        (models.JSONField(), Kind.JSON),
        (models.FloatField(), Kind.FLOAT),
        (Stripped(), Kind.PLAIN),
        (Secret(), Kind.OTHER),
        (models.Field(), Kind.OTHER),
    ],
)
def test_the_kind_of_a_field(field: Any, kind: Kind) -> None:
    """What the protocol's table says of it."""
    assert kind_of(field) is kind


def test_small_decimals_are_written_without_an_exponent() -> None:
    """Decimal("0E-10") has all its digits."""
    writer = make_writer(models.DecimalField(max_digits=20, decimal_places=10))
    assert writer is not None
    assert writer(Decimal("0E-10")) == "0.0000000000"
