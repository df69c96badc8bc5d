"""Rows in, outcomes out: what the tests of single rules share.

A writer treats few rows one by one, whatever way it was asked for. So rows are run among others of
the same columns that touch nothing of theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models

import modelsync
from modelsync.models import ExternalKeyMapping

Row = Mapping[str, Any]
WRITERS = ("staged", "objects")
PADS = 12


def run(
    rows: Sequence[Row],
    model: type[models.Model],
    *,
    writer: str = "auto",
    unique: Sequence[str] = ("code",),
    pads: int = PADS,
    **options: Any,
) -> modelsync.Report:
    """Sync rows, and after them `pads` copies of the last one that differ in the `unique` columns."""
    numbers = range(800_000, 800_000 + pads if rows else 800_000)
    more = [{**rows[-1], **{name: _pad(model, name, number) for name in unique}} for number in numbers]
    options = {"match_on": unique[:1], "changes": 10**6} | options
    return modelsync.sync([*rows, *more], model, writer=writer, **options)


def _pad(model: type[models.Model], name: str, number: int) -> object:
    whole = name != "external_key" and isinstance(model._meta.get_field(name), models.IntegerField)
    return number if whole else f"~{number}"


def outcomes(report: modelsync.Report, count: int | None = None) -> list[str]:
    """The word for each record's outcome, or for the first `count`."""
    found = ["unchanged"] * report.total
    for change in report.changes:
        # What a record made may be changed by it once more, when what it refers to is there.
        if found[change.number] != "created":
            found[change.number] = change.outcome.label
    for skip in report.skips:
        if skip.number is not None:
            found[skip.number] = "skipped"
    for rejection in report.rejections:
        found[rejection.number] = "rejected"
    assert Counter(found) == Counter({o.label: n for o, n in report.counts.items() if n}), report.as_dict()
    return found[:count]


def values(model: type[models.Model], *names: str, using: str = "default") -> list[tuple[Any, ...]]:
    """These fields of all objects that are no padding, sorted by the first."""
    found = model._base_manager.using(using).values_list(*names)
    return sorted((each for each in found if not _is_padding(each[0])), key=lambda each: str(each[0]))


def _is_padding(value: object) -> bool:
    return str(value).startswith("~") or (isinstance(value, int) and 800_000 <= value < 900_000)


def keys(model: type[models.Model]) -> dict[tuple[str, str], str]:
    """(system, key) -> the object's primary key as text, of all that is no padding."""
    label = model._meta.concrete_model._meta.model_name
    kept = ExternalKeyMapping.objects.filter(content_type__model=label).select_related("external_system")
    return {
        (k.external_system.name, k.external_key): k.object_id
        for k in kept
        if not k.external_key.startswith("~")
    }
