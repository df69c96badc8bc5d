"""What a site takes: which models, under which names, and which of their fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.apps import apps
from django.db import models

from modelsync.core.errors import ConfigurationError
from modelsync.feeds import write_database
from modelsync.push.settings import ReceiverSettings
from modelsync.push.versioning import VersioningBaseModel
from modelsync.targets.django.schema import Field

#: The fields that every versioned object has come always.
_BASE: Final = frozenset(("version", "creation", "last_edition", "inactive"))
_WHERE: Final = 'settings.MODELSYNC["push"]["receiver"]["models"]'
_KNOWN: Final = ("model", "fields", "on_delete")


@dataclass(frozen=True)
class Accepted:
    """A model here, the fields of it that others may write (None: all), and what a deletion does.

    `keeps_deleted` says that what is deleted elsewhere stays here as inactive.
    """

    model: type[models.Model]
    names: frozenset[str] | None = None
    keeps_deleted: bool = False

    @property
    def label(self) -> str:
        """The label of the model that has the table."""
        return label_of(self.model)

    @cached_property
    def lineage(self) -> tuple[str, ...]:
        """The labels of the model and of those that it inherits from, as far as they have tables."""
        return self.label, *(label_of(parent) for parent in self.model._meta.all_parents)

    @cached_property
    def using(self) -> str:
        """The database that it is written to."""
        return write_database(self.model)

    @cached_property
    def key(self) -> Field:
        """The field that objects are known by: with multi-table inheritance, that of the first parent."""
        field: Any = self.model._meta.pk
        while field.remote_field and field.remote_field.parent_link:
            field = field.target_field
        return field  # type: ignore[no-any-return]  # the stubs know no parent_link

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The columns that may be written, by the names that they may come under."""
        found: dict[str, Field] = {}
        for field in self.model._meta.concrete_fields:
            link = field.remote_field is not None and getattr(field.remote_field, "parent_link", False)
            if field.primary_key or link or getattr(field, "generated", False) or not self._takes(field):
                continue
            found.setdefault(field.attname, field)
            found[field.name] = field
        return found

    @cached_property
    def many(self) -> Mapping[str, models.ManyToManyField[Any, Any]]:
        """The many-to-many relations that may be written."""
        return {
            field.name: field
            for field in self.model._meta.many_to_many
            if field.remote_field.through._meta.auto_created and self._takes(field)  # type: ignore[union-attr]  # resolved
        }

    @cached_property
    def references(self) -> tuple[models.ForeignKey[Any, Any], ...]:
        """The foreign keys that may be written, and one that is the primary key."""
        found = [field for field in self.fields.values() if isinstance(field, models.ForeignKey)]
        if isinstance(self.key, models.ForeignKey):
            found.append(self.key)
        return tuple(dict.fromkeys(found))

    def _takes(self, field: Any) -> bool:
        is_base = field.name in _BASE and issubclass(self.model, VersioningBaseModel)
        return self.names is None or is_base or field.name in self.names


def label_of(model: type[models.Model]) -> str:
    """The label of the model that has the table; a proxy has none."""
    return (model._meta.concrete_model or model)._meta.label


class Acceptance:
    """The allow-list: the models here, by the names that senders have for them."""

    def __init__(self, entries: Mapping[str, Accepted]) -> None:
        self.entries = entries
        self.by_label = {accepted.label: accepted for accepted in entries.values()}

    def of(self, name: str) -> Accepted | None:
        """What a sender means by `Product` or `shop.Product`; None if it is not taken.

        Either may stand in the settings, and means the other, too, where that leaves no doubt.
        """
        if name in self.entries:
            return self.entries[name]
        if "." in name:
            return self.entries.get(name.rpartition(".")[2])
        found = [each for entry, each in self.entries.items() if entry.rpartition(".")[2] == name]
        return found[0] if len(found) == 1 else None


def acceptance_of(settings: ReceiverSettings) -> Acceptance:
    """The allow-list of the settings; raises ConfigurationError for what cannot be."""
    return Acceptance({name: _accepted(name, given) for name, given in settings.models.items()})


def _accepted(name: str, given: str | Mapping[str, Any]) -> Accepted:
    where = f"{_WHERE}[{name!r}]"
    said = {"model": given} if isinstance(given, str) else given
    unknown = sorted(set(said) - set(_KNOWN))
    if unknown or "model" not in said:
        raise ConfigurationError(f'{where} must have "model", and may have "fields" and "on_delete"')
    try:
        model = apps.get_model(said["model"])
    except (LookupError, ValueError) as error:
        raise ConfigurationError(f"{where}: there is no model {said['model']!r}") from error
    if isinstance(model._meta.pk, models.CompositePrimaryKey):
        raise ConfigurationError(f"{where}: {model._meta.label} has a composite primary key")
    return Accepted(
        model=model, names=_names(where, model, said), keeps_deleted=_keeps_deleted(where, model, said)
    )


def _names(where: str, model: type[models.Model], said: Mapping[str, Any]) -> frozenset[str] | None:
    names = said.get("fields")
    if names is None:
        return None
    known = {field.name for field in (*model._meta.concrete_fields, *model._meta.many_to_many)}
    for name in names:
        if name not in known:
            raise ConfigurationError(f'{where}["fields"]: {model._meta.label} has no field {name!r}')
    return frozenset(names)


def _keeps_deleted(where: str, model: type[models.Model], said: Mapping[str, Any]) -> bool:
    choice = said.get("on_delete", "delete")
    if choice not in ("delete", "inactive"):
        raise ConfigurationError(f'{where}["on_delete"] must be "delete" or "inactive"')
    if choice == "inactive" and "inactive" not in {field.name for field in model._meta.concrete_fields}:
        raise ConfigurationError(f'{where}["on_delete"]: {model._meta.label} has no field "inactive"')
    return bool(choice == "inactive")
