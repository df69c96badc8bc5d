"""What a database or Django says about a row that it refuses, in a reader's words."""

from __future__ import annotations

import re

from django.db.models import ProtectedError, RestrictedError

from modelsync.targets.django.schema import Schema
from modelsync.targets.django.shape import Reference


def explain(error: Exception, schema: Schema) -> str:
    """One line that says which rule a row breaks."""
    if isinstance(error, ProtectedError):
        return f"other objects refer to it and protect it ({_labels(error.protected_objects)})"
    if isinstance(error, RestrictedError):
        return f"other objects refer to it and restrict its deletion ({_labels(error.restricted_objects)})"
    text = " ".join(str(error.args[-1] if error.args else error).split())
    for constraint in schema.model._meta.constraints:
        if re.search(rf"\b{re.escape(constraint.name)}\b", text):
            return f"it breaks the constraint {constraint.name}"
    lowered = text.lower()
    if "unique" in lowered or "duplicate" in lowered:
        return f"another object has the same unique value ({_short(text)})"
    if "not null" in lowered or "not-null" in lowered or "cannot be null" in lowered:
        return f"a value is missing ({_short(text)})"
    if "foreign key" in lowered:
        return f"it refers to an object that does not exist ({_short(text)})"
    return f"the database refuses it: {_short(text)}"


def not_found(reference: Reference, said: str) -> str:
    """The warning about a reference that nothing answers."""
    return f"there is no {reference.model._meta.label} with {said}; the reference is left alone"


def ambiguous(reference: Reference, said: str) -> str:
    """The warning about a reference that several objects answer."""
    return f"several {reference.model._meta.label} objects have {said}; the reference is left alone"


def name_error(error: Exception) -> str:
    """What user code raised: its type and its text."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _labels(objects: object) -> str:
    return ", ".join(sorted({o._meta.label for o in objects}))  # type: ignore[attr-defined]  # model instances


def _short(text: str) -> str:
    return text.split(" DETAIL:", maxsplit=1)[0][:200]
