"""The converters of a request: each is compiled once, when it is asked for."""

from __future__ import annotations

from typing import Any

from django.db import connections, models

from modelsync.targets.django.converters import Converter, compile_converter


class Converters:
    """Converters for fields of the models in one database, that take values as another Django holds them."""

    def __init__(self, using: str) -> None:
        self.using = using
        self._compiled: dict[tuple[models.Field[Any, Any], str, bool], Converter] = {}

    def __call__(self, field: models.Field[Any, Any], column: str, *, is_text: bool = False) -> Converter:
        """The converter; `is_text` says that JSON comes as text that holds it."""
        as_text = is_text and isinstance(field, models.JSONField)
        asked = (field, column, as_text)
        if asked not in self._compiled:
            connection = connections[self.using]
            self._compiled[asked] = compile_converter(
                field, connection, column=column, is_text=as_text, exact=True
            )
        return self._compiled[asked]
