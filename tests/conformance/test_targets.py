"""Every target keeps the rules of a row: in memory, and both ways into Django models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from django.apps import apps
from django.db import connection

from modelsync.core.planning import Conflict
from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.target import DjangoTarget, TargetOptions
from modelsync.targets.memory import Column, MemoryTarget, Table
from modelsync.testing.targets import Bench, TargetContract


class TestMemory(TargetContract):
    """Plain dictionaries."""

    def make(self, *, conflict: Conflict = Conflict.DELETE, delete_missing: bool = False) -> Bench:
        code, name = Column(unique=True), Column(default="")
        target = MemoryTarget(
            {
                "owner": Table(columns={"code": code, "name": name, "boss": Column(null=True, to="owner")}),
                "thing": Table(
                    columns={
                        "code": code,
                        "name": name,
                        "size": Column(convert=int, null=True),
                        "owner": Column(null=True, to="owner"),
                    }
                ),
                "part": Table(columns={"code": code, "thing": Column(to="thing")}),
            },
            conflict=conflict,
            delete_missing=delete_missing,
        )

        def keys(label: str) -> dict[tuple[str, str], Any]:
            return {(system, key): pk for (of, system, key), pk in target.keys.items() if of == label}

        return Bench(
            target=target,
            rows=lambda label: [row for _, row in sorted(target.rows[label].items())],
            keys=keys,
        )


class DjangoContract(TargetContract):
    """Django models, written in one of the two ways."""

    labels: ClassVar = {"owner": "shop.Owner", "thing": "shop.Thing", "part": "shop.Part"}
    writer: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _database(self, db: None) -> None:
        """A database for the test."""
        self.made: list[DjangoTarget] = []

    def make(self, *, conflict: Conflict = Conflict.DELETE, delete_missing: bool = False) -> Bench:
        models = {label: apps.get_model(label) for label in self.labels.values()}
        target = DjangoTarget(
            {(label, system): model for label, model in models.items() for system in (None, "A", "B")},
            TargetOptions(writer=self.writer, conflict=conflict, delete_missing=delete_missing),
        )

        self.made.append(target)

        def rows(label: str) -> list[dict[str, Any]]:
            names = {f.attname: f.name for f in models[label]._meta.concrete_fields}
            return [
                {name: value[attname] for attname, name in names.items()}
                for value in models[label].objects.order_by("pk").values(*names)
            ]

        def keys(label: str) -> dict[tuple[str, str], Any]:
            kept = ExternalKeyMapping.objects.filter(content_type__model=label.partition(".")[2].lower())
            return {(k.external_system.name, k.external_key): int(k.object_id) for k in kept}

        return Bench(target=target, rows=rows, keys=keys)


@pytest.mark.database
class TestDjangoStaged(DjangoContract):
    """Sets, staged in a temporary table, where a set is possible."""

    writer = "auto"
    #: On MariaDB equal text may differ in case: whether a row names one of its own batch is left to objects.
    unstaged: ClassVar = {
        "shop.Owner": "objects: boss refers to its own table by other fields than the match"
    }

    @pytest.fixture(autouse=True)
    def _is_staged(self, _database: None) -> Iterator[None]:
        """Everything was staged, but for what is known not to be possible."""
        yield
        for target in self.made:
            for label, way in target.writers.items():
                allowed = self.unstaged.get(label) if connection.vendor == "mysql" else None
                assert way in ("staged", allowed)


@pytest.mark.database
class TestDjangoObjects(DjangoContract):
    """Instances and `save()`."""

    writer = "objects"
