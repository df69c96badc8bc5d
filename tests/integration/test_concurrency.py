"""Traps of TRAPS.md, "Writing": runs at the same time, in processes of their own."""

from __future__ import annotations

import csv
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest
from django.db import connections

from modelsync.models import ExternalKeyMapping, ExternalSystem
from tests.separate import SeparateDatabase
from tests.shop.models import Category, Supplier

pytestmark = [pytest.mark.database, pytest.mark.slow]
ROWS = 5000


@pytest.fixture
def database(
    separate_database: SeparateDatabase, django_db_blocker: pytest.FixtureRequest
) -> Iterable[SeparateDatabase]:
    """A database that several processes write."""
    with django_db_blocker.unblock():  # type: ignore[attr-defined]  # what pytest-django gives
        yield separate_database
        connections[separate_database.alias].close()


def write(path: Path, numbers: Iterable[int]) -> Path:
    """A file of suppliers with these numbers."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["code", "name", "external_key"])
        writer.writerows([f"c{i:05}", f"name {i}", f"k{i:05}"] for i in numbers)
    return path


def start(
    database: SeparateDatabase, path: Path, *options: str, model: str = "Supplier"
) -> subprocess.Popen[str]:
    """Start a run of a file in a process of its own."""
    command = ("syncfile", "ERP", "shop", model, path, "--create_external_system", "--match-on", "code")
    return database.start(*command, "--actions", "cu*", *options)


def finish(*processes: subprocess.Popen[str]) -> None:
    """Wait for the runs; all of them end well."""
    for process in processes:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, f"{out}\n{err}"


def check(database: SeparateDatabase, count: int) -> None:
    """Every object is there once, with its own key."""
    alias = database.alias
    assert ExternalSystem.objects.using(alias).count() == 1
    pks = dict(Supplier.objects.using(alias).filter(code__startswith="c").values_list("code", "pk"))
    assert set(pks) == {f"c{i:05}" for i in range(count)}
    kept = ExternalKeyMapping.objects.using(alias).values_list("external_key", "object_id")
    assert dict(kept) == {f"k{code[1:]}": str(pk) for code, pk in pks.items()}
    assert kept.count() == count


@pytest.mark.parametrize("writer", ["auto", "objects"])
def test_two_runs_of_one_file(database: SeparateDatabase, tmp_path: Path, writer: str) -> None:
    """Trap "get-then-create races: two runs of the same file at once": each object is made once."""
    count = ROWS if writer == "auto" else 500
    path = write(tmp_path / "all.csv", range(count))
    finish(*(start(database, path, "--writer", writer) for _ in range(2)))
    check(database, count)


def test_runs_of_files_in_opposite_orders(database: SeparateDatabase, tmp_path: Path) -> None:
    """Trap "deadlocks between two runs": files that overlap, read in opposite orders, with many commits."""
    Supplier.objects.using(database.alias).bulk_create(
        [Supplier(code=f"c{i:05}", name="old") for i in range(0, ROWS, 2)]
    )
    up = write(tmp_path / "up.csv", range(ROWS))
    down = write(tmp_path / "down.csv", reversed(range(ROWS)))
    finish(*(start(database, path, "--commit-every", "500") for path in (up, down)))
    check(database, ROWS)
    assert not Supplier.objects.using(database.alias).filter(name="old").exists()


def test_different_files_into_one_table(database: SeparateDatabase, tmp_path: Path) -> None:
    """Trap "sequences: also under concurrency": halves of the objects come from two runs at once."""
    halves = [write(tmp_path / f"{i}.csv", range(i, ROWS, 2)) for i in range(2)]
    finish(*(start(database, path, "--commit-every", "1000") for path in halves))
    check(database, ROWS)


def test_inserts_beside_a_run(database: SeparateDatabase, tmp_path: Path) -> None:
    """Trap "sequences: forward only, also under concurrency": another connection inserts all the while."""
    path = write(tmp_path / "all.csv", range(ROWS))
    made: list[int] = []
    failed: list[Exception] = []
    over = threading.Event()

    def insert() -> None:
        number = 0
        try:
            while not over.is_set() or number < 20:
                supplier = Supplier.objects.using(database.alias).create(code=f"local{number}", name="L")
                made.append(supplier.pk)
                number += 1
                over.wait(0.01)
        except Exception as error:  # told by the test, in its own thread
            failed.append(error)
        finally:
            connections[database.alias].close()

    process = start(database, path, "--commit-every", "500")
    thread = threading.Thread(target=insert)
    thread.start()
    try:
        finish(process)
    finally:
        over.set()
        thread.join(120)
    assert failed == []
    check(database, ROWS)
    assert len(set(made)) == len(made) == Supplier.objects.using(database.alias).filter(name="L").count()


def test_runs_of_two_models(database: SeparateDatabase, tmp_path: Path) -> None:
    """Trap "deadlocks between two runs": runs of different models share only the table of keys."""
    suppliers = write(tmp_path / "suppliers.csv", range(ROWS))
    categories = tmp_path / "categories.csv"
    with categories.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["code", "title", "external_key"])
        writer.writerows([f"c{i:05}", "T", f"k{i:05}"] for i in range(ROWS))
    finish(start(database, suppliers), start(database, categories, model="Category"))
    assert (
        Supplier.objects.using(database.alias).count()
        == Category.objects.using(database.alias).count()
        == ROWS
    )
    assert ExternalKeyMapping.objects.using(database.alias).count() == 2 * ROWS
    assert ExternalSystem.objects.using(database.alias).count() == 1
