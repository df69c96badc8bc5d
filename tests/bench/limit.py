"""The limit: what a database can do at most, by hand-written SQL for these very tables.

One file for each database. Nothing is checked and nothing is general: the columns, their order, their
types and that every value is clean are known. What must be right is the result.
"""

from __future__ import annotations

from pathlib import Path

from django.contrib.contenttypes.models import ContentType
from django.db import connection

from modelsync.models import ExternalSystem
from tests.bench import limit_mariadb, limit_postgresql, limit_sqlite
from tests.bench.state import SYSTEM
from tests.shop.models import Product


def run(path: Path, *, reference: bool) -> None:
    """Bring the file into the table, as fast as this database can."""
    system = ExternalSystem.objects.get_or_create(name=SYSTEM)[0].pk
    kind = ContentType.objects.get_for_model(Product).pk
    ways = {
        "sqlite": limit_sqlite.run,
        "postgresql": limit_postgresql.run,
        "mysql": limit_mariadb.run,
    }
    ways[connection.vendor](path, reference=reference, system=system, kind=kind)
