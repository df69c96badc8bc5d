"""Passwords that a route would serve."""

from __future__ import annotations

from django.db import models

from modelsync.serving.hiding import Hiding
from modelsync.serving.layout import parents_of

_NAME = "password"


def open_passwords(model: type[models.Model], hiding: Hiding) -> list[str]:
    """`app.Model.password` for the model and its parents, unless it is excluded or masked."""
    return [
        f"{level._meta.label}.{field.name}"
        for level in (*parents_of(model), model)
        for field in level._meta.local_concrete_fields
        if field.name == _NAME and hiding.shows(field) and hiding.mask(field) is None
    ]
