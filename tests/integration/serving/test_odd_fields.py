"""Fields that only their own `value_to_string()` can write."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, models
from django.test.utils import isolate_apps

from modelsync.core.errors import ConfigurationError
from modelsync.routing import Route
from modelsync.serving.hiding import Hiding
from tests.integration.serving.asking import ask, objects

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]

_TextField: Any = models.TextField


class PairField(_TextField):
    """Two numbers in one text."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else tuple(map(int, value.split("/")))

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else "/".join(map(str, value))

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))


@pytest.mark.parametrize("mask", [None, max])
@isolate_apps("tests.blog")
def test_such_a_field_is_written_by_itself(mask: Any) -> None:
    """And masked as Python has it."""

    class Odd(models.Model):
        pair = PairField(null=True)

        class Meta:
            app_label = "blog"

    with connection.schema_editor() as editor:
        editor.create_model(Odd)
    try:
        Odd.objects.create(pair=(1, 2))
        Odd.objects.create(pair=None)
        route = Route(api_token="token")
        if mask is not None:
            field = Odd._meta.get_field("pair")
            route.__dict__["hiding"] = Hiding(masks={field: mask})
        for rows in (Odd.objects.all(), Odd.objects.order_by("-pk")):
            pairs = {found["pair"] for found in objects(route.queryset("x")(lambda rows=rows: rows))}
            assert pairs == ({"1/2", None} if mask is None else {2, None})
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Odd)


@isolate_apps("tests.blog")
def test_a_composite_primary_key_is_refused() -> None:
    """With an error that says so, before anything is sent."""

    class Twofold(models.Model):
        pk = models.CompositePrimaryKey("a", "b")
        a = models.IntegerField()
        b = models.IntegerField()

        class Meta:
            app_label = "blog"

    with pytest.raises(ConfigurationError, match="composite primary key"):
        ask(Route(api_token="token").queryset("x")(Twofold.objects.all))
