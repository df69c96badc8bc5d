"""From what a project declares, and what the CMS has, to what is read: a job's plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.core.exceptions import FieldDoesNotExist
from django.db import models

from modelsync.core.errors import ConfigurationError
from modelsync.dato.datocms.asking import Wanted
from modelsync.dato.datocms.schema import Schema
from modelsync.dato.datocms.selection import End, Selection
from modelsync.dato.declaring import FieldMapping, Taken
from modelsync.dato.extracting import Column
from modelsync.dato.naming import field_name, locale_of, suffix_of
from modelsync.dato.registry import Job

_CREATED: Final = "_createdAt"
_UPDATED: Final = "_updatedAt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a job is done.

    Args:
        job: what is declared.
        wanted: what is read of the records.
        blocks: the API's names of the fields that lead from a record to the objects.
        columns: what is read of each object.
        positions: the fields that take a place in an order.
    """

    job: Job
    wanted: Wanted
    blocks: tuple[str, ...]
    columns: tuple[Column, ...]
    positions: Mapping[str, Taken]


def plan(job: Job, schema: Schema, languages: Sequence[str]) -> Plan:
    """The plan of a job; of the languages, as Django calls them, the first one is the default.

    Raises ConfigurationError for what the CMS does not have.
    """
    return _Planning(job, schema, languages).plan()


class _Planning:
    def __init__(self, job: Job, schema: Schema, languages: Sequence[str]) -> None:
        self.job = job
        self.schema = schema
        self.languages = languages
        self.root = schema.root(job.record)
        self.blocks = tuple(field_name(each) for each in job.blocks)
        self.selection = Selection(schema, [self.root.type])
        self.translated = Selection(schema, [self.root.type])

    def plan(self) -> Plan:
        values = [each for each in self.job.mappings if each.taken is Taken.VALUE]
        localized = any(each.is_localized for each in values)
        if self.blocks:
            end = self._select(self.selection, self.blocks[:-1], self.blocks[-1:], "dato_model_path")
            if end.field.is_scalar:
                raise ConfigurationError(
                    f"{self.job.name}: dato_model_path ends in {self.job.blocks[-1]!r}, which is a value; it "
                    f"must end in a model or in blocks"
                )
        columns = [*self._own(), *(column for each in values for column in self._columns(each))]
        locales = [self._locale(each) for each in self.languages] if localized else []
        return Plan(
            job=self.job,
            wanted=Wanted(
                root=self.root,
                selection=self.selection,
                locale=locales[0] if locales else self._default(),
                translated=self.translated if localized else None,
                locales=tuple(locales[1:]),
            ),
            blocks=self.blocks,
            columns=tuple(columns),
            positions={each.field: each.taken for each in self.job.mappings if each.taken is not Taken.VALUE},
        )

    def _own(self) -> Iterator[Column]:
        """A block has a time of its creation; that of its change is its record's."""
        self._select(self.selection, self.blocks, [_CREATED], "created")
        self.selection.add([_UPDATED])
        yield Column(field="created", steps=(_CREATED,), depth=len(self.blocks))
        yield Column(field="modified", steps=(_UPDATED,))

    def _columns(self, mapping: FieldMapping) -> Iterator[Column]:
        steps = tuple(field_name(each) for each in mapping.path[mapping.is_absolute :])
        # An absolute path may lead through the very blocks that an object is in.
        depth = _shared(self.blocks, steps[:-1]) if mapping.is_absolute else len(self.blocks)
        rest = steps[depth:] if mapping.is_absolute else steps
        where = f"the path {'.'.join(mapping.path)!r} of {mapping.field!r}"
        end = self._select(self.selection, self.blocks[:depth], rest, where)
        if mapping.is_localized:
            self._select(self.translated, self.blocks[:depth], rest, where)
        for field, language in self._fields(mapping):
            yield Column(
                field=field,
                steps=rest,
                depth=depth,
                locale=None if language in (None, self.languages[0]) else self._locale(language),
                collects=end.is_many and self._collects(field, where),
                links=not end.field.is_scalar,
            )

    def _fields(self, mapping: FieldMapping) -> Iterator[tuple[str, str | None]]:
        """The fields of a mapping that the model has, with their languages."""
        model = self.job.model
        if not mapping.is_localized or _field(model, mapping.field) is not None:
            yield mapping.field, None
        for language in self.languages if mapping.is_localized else ():
            name = f"{mapping.field}_{suffix_of(language)}"
            if _field(model, name) is not None:
                yield name, language

    def _select(self, selection: Selection, blocks: Sequence[str], steps: Sequence[str], where: str) -> End:
        """Select what steps below these blocks lead to; what is there, seen from the blocks."""
        try:
            for step in blocks:
                selection.add([step])
                selection = selection.within(step)
            return selection.add(steps)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.job.name}: {where}: {error}") from error

    def _collects(self, field: str, where: str) -> bool:
        """True; raises ConfigurationError for a field that cannot hold many values."""
        found = _field(self.job.model, field)
        if isinstance(found, models.JSONField) or getattr(found, "base_field", None) is not None:
            return True
        raise ConfigurationError(
            f"{self.job.name}: {where} leads to many values, and {field!r} holds one; make it a JSONField "
            f"or an ArrayField"
        )

    def _locale(self, language: str | None) -> str:
        assert language is not None
        return locale_of(language, self.schema.locales)

    def _default(self) -> str | None:
        return self._locale(self.languages[0]) if self.schema.locales else None


def _shared(blocks: Sequence[str], steps: Sequence[str]) -> int:
    """With how many of the same steps both begin."""
    return next(
        (number for number, (one, other) in enumerate(zip(blocks, steps, strict=False)) if one != other),
        min(len(blocks), len(steps)),
    )


def _field(model: type[models.Model], name: str) -> Any:
    try:
        return model._meta.get_field(name)
    except FieldDoesNotExist:
        return next((each for each in model._meta.concrete_fields if each.attname == name), None)
