"""Which models are made of what: the jobs that `dato_sync.py` files declare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.module_loading import autodiscover_modules

from modelsync.core.errors import ConfigurationError
from modelsync.dato.declaring import FieldMapping, SyncOptions, mappings_of, steps_of
from modelsync.dato.models import DatoModel
from modelsync.dato.naming import field_name, suffix_of

O = TypeVar("O", bound=type[SyncOptions])  # noqa: E741  # a type, not a number


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One model, and what it is made of.

    Args:
        name: of the options, with their module: what is remembered of a job goes by it.
        model: the Django model.
        record: the API key of the CMS's model.
        blocks: the fields that lead from a record to the blocks that are objects here; none where the records
            are.
        mappings: where the fields come from.
    """

    name: str
    model: type[DatoModel]
    record: str
    blocks: tuple[str, ...]
    mappings: tuple[FieldMapping, ...]


_JOBS: dict[str, Job] = {}


def fetch_from_dato(model: type[DatoModel]) -> Callable[[O], O]:
    """Have a model filled as the options below say; a model may have several.

    Jobs are done in the order in which they are declared. Raises ConfigurationError for options that cannot
    be.
    """

    def register(options: O) -> O:
        job = make_job(model, options)
        _JOBS[job.name] = job
        return options

    return register


def jobs() -> list[Job]:
    """All of them, in their order, those in `dato_sync.py` of every installed app too."""
    autodiscover_modules("dato_sync")
    return list(_JOBS.values())


def make_job(model: type[DatoModel], options: Any) -> Job:
    """The job of a model and its options, unregistered; raises ConfigurationError for what cannot be."""
    if not (isinstance(options, type) and issubclass(options, SyncOptions)):
        raise ConfigurationError(
            f"fetch_from_dato decorates classes that inherit from SyncOptions, not {options!r}"
        )
    where = options.__qualname__
    if not issubclass(model, DatoModel):
        raise ConfigurationError(f"{where}: {model.__name__} must inherit from DatoModel")
    record, *blocks = steps_of(options.dato_model_path, f"{where}.dato_model_path")
    mappings = mappings_of(options)
    for mapping in mappings:
        _check_field(model, mapping, where)
        if mapping.is_absolute and field_name(mapping.path[0]) != field_name(record):
            raise ConfigurationError(
                f"{where}: the absolute path of {mapping.field!r} starts with {mapping.path[0]!r}; it must "
                f"start as dato_model_path does, with {record!r}"
            )
    return Job(
        name=f"{options.__module__}.{where}",
        model=model,
        record=record,
        blocks=tuple(blocks),
        mappings=mappings,
    )


def _check_field(model: type[DatoModel], mapping: FieldMapping, where: str) -> None:
    own = {field.name for field in DatoModel._meta.fields}
    if mapping.field in own:
        raise ConfigurationError(
            f"{where}: {mapping.field!r} is filled by itself; take it out of field_mappings"
        )
    names = [mapping.field]
    if mapping.is_localized:
        names += [f"{mapping.field}_{suffix_of(language)}" for language, _ in settings.LANGUAGES]
    if any(_has(model, name) for name in names):
        return
    known = sorted({field.name for field in model._meta.get_fields()} - own)
    near = get_close_matches(mapping.field, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known) or 'none'}"
    raise ConfigurationError(f"{where}: {model.__name__} has no field {mapping.field!r}; {hint}")


def _has(model: type[models.Model], name: str) -> bool:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return any(getattr(each, "attname", None) == name for each in model._meta.concrete_fields)
    return bool(field.concrete)
