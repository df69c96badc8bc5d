"""What names a file: one field of one object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.core.files.storage import Storage
from django.db import models
from django.db.models.query import QuerySet

from modelsync.core.errors import ConfigurationError
from modelsync.spooling import spooled


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """The field of an object, and the file that it names.

    `model` is a label as `blog.person`, `pk` the primary key as text, blank where it is not known.
    """

    model: str
    pk: str
    field: str
    name: str
    is_image: bool = False

    def __str__(self) -> str:
        return f"{self.model} {self.pk} {self.field}: {self.name}"


def images(queryset: QuerySet[Any, Any], field: str) -> Iterator[FileRef]:
    """The files that one field of a queryset's objects names; blank ones are passed over.

    Raises ConfigurationError, when asked for the first one, for a field that holds no files.
    """
    kind = file_field(queryset.model, field)
    if kind is None:
        raise ConfigurationError(
            f"{queryset.model._meta.label} has no field {field!r} that holds files; "
            f"give the name of an ImageField or a FileField"
        )
    label, is_image = queryset.model._meta.label_lower, isinstance(kind, models.ImageField)
    rows = queryset.values_list("pk", kind.attname).iterator(chunk_size=2000)
    for pk, name in spooled(rows, queryset.db):
        if name:
            yield FileRef(model=label, pk=str(pk), field=kind.name, name=name, is_image=is_image)


def field_storage(ref: FileRef) -> Storage:
    """The storage of the field. Raises ConfigurationError where there is no such field here."""
    try:
        kind = file_field(apps.get_model(ref.model), ref.field)
    except (LookupError, ValueError):
        kind = None
    if kind is None:
        raise ConfigurationError(f"there is no field {ref.field!r} of {ref.model!r} here that holds files")
    return kind.storage


def file_field(model: type[models.Model], name: str) -> models.FileField | None:
    """The model's field of that name, if it holds files."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, models.FileField) else None
