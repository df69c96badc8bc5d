"""kill -9 at named points: a resumed run ends where an undisturbed one does."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from modelsync.models import Checkpoint, ExternalKeyMapping, ExternalSystem, Rejection, Run
from tests.separate import SeparateDatabase
from tests.shop.models import Category, Department, Employee, Product, Supplier

pytestmark = [pytest.mark.database, pytest.mark.slow]

STEP = 100
ROWS = 1050


@pytest.fixture
def database(separate_database: SeparateDatabase) -> SeparateDatabase:
    """A database of its own that sub-processes write to."""
    return separate_database


def write(path: Path, header: str, rows: Iterable[Iterable[object]]) -> Path:
    """A CSV file."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def categories(path: Path, rows: int) -> Path:
    """References to later rows, and refused rows all over the file."""
    return write(
        path,
        "external_key,action_flags,match_on,code,title,parent=>code",
        [
            (f"K{n}", "cu*" if n % 90 else "x", "code", f"C{n}", f"Title {n}", f"C{(n + 700) % rows}")
            for n in range(rows)
        ],
    )


class Kill:
    """Runs commands that die, and knows what the database holds."""

    def __init__(self, database: SeparateDatabase) -> None:
        self.database = database

    def at(self, point: str, *arguments: object) -> None:
        """The command is killed at a point of tests/dying.py."""
        environment = os.environ | self.database.environment | {"DYING": point}
        done = subprocess.run(
            [sys.executable, "-m", "tests.dying", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr

    def run(self, *arguments: object) -> dict[str, Any]:
        """The command runs to its end; its JSON report."""
        done = self.database.run(*map(str, arguments), "--report", "json")
        assert done.returncode in {0, 1}, done.stderr
        assert "Traceback" not in done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def state(self) -> dict[str, Any]:
        """All that a run leaves: rows without their primary keys, and key mappings."""
        using = self.database.alias
        names = {
            model: {str(pk): name for pk, name in model.objects.using(using).values_list("pk", field)}
            for model, field in (
                (Category, "code"),
                (Product, "sku"),
                (Supplier, "code"),
                (Employee, "number"),
                (Department, "code"),
            )
        }
        mappings = ExternalKeyMapping.objects.using(using).select_related("content_type")
        return {
            "categories": _rows(Category, using, "code", "title", "parent__code"),
            "products": _rows(Product, using, "sku", "name", "stock", "supplier__code"),
            "suppliers": _rows(Supplier, using, "code", "name"),
            "employees": _rows(Employee, using, "number", "boss__number", "department__code"),
            "departments": _rows(Department, using, "code", "head__number"),
            "keys": sorted(
                (
                    m.content_type.model,
                    m.external_key,
                    names[m.content_type.model_class()].get(m.object_id, "gone"),
                )
                for m in mappings
            ),
        }

    def forget(self) -> None:
        """Empty the tables."""
        using = self.database.alias
        Department.objects.using(using).update(head=None)
        for model in (Product, Supplier, Employee, Department, Category):
            model.objects.using(using).all().delete()
        for own in (ExternalKeyMapping, ExternalSystem, Checkpoint, Run):
            own.objects.using(using).all().delete()

    def undisturbed(self, *arguments: object) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a run that nobody kills leaves and reports; then everything is forgotten."""
        report = self.run(*arguments)
        state = self.state()
        self.forget()
        return report, state


def _rows(model: Any, using: str, *fields: str) -> list[tuple[Any, ...]]:
    return sorted(model.objects.using(using).values_list(*fields), key=repr)


def same(resumed: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    """Both reports count and refuse the same."""
    left_out = {"durations", "rows_per_second", "run", "notes", "warnings", "skips", "writers"}
    for report in (resumed, undisturbed):
        report["rejections"].sort(key=lambda each: each["number"])
    assert {k: v for k, v in resumed.items() if k not in left_out} == {
        k: v for k, v in undisturbed.items() if k not in left_out
    }


@pytest.fixture
def kill(database: SeparateDatabase) -> Kill:
    """Kills commands in the database."""
    return Kill(database)


class TestOneFile:
    """syncfile with late references and refused rows."""

    def arguments(self, tmp_path: Path, *more: object) -> tuple[object, ...]:
        path = categories(tmp_path / "c.csv", ROWS)
        return ("syncfile", "ERP", "shop", "Category", path, "--commit-every", STEP, *more)

    def test_every_point(self, kill, tmp_path) -> None:
        """Before the first commit, after one, before one, in the end phase, after the last commit."""
        first, second = tmp_path / "1.csv", tmp_path / "2.csv"
        arguments = self.arguments(tmp_path)
        report, state = kill.undisturbed(*arguments, "--rejects", first)
        assert report["rejected"] == 12
        assert sum(parent is not None for _, _, parent in state["categories"]) > 900
        for point in ("applied:1", "committed:1", "uncommitted:5", "end:1", "finished:1"):
            kill.at(point, *arguments)
            run = Run.objects.using(kill.database.alias).get()
            assert run.status == "running"
            resumed = kill.run(*arguments, "--resume", "--rejects", second)
            assert kill.state() == state, point
            same(resumed, report)
            assert second.read_text() == first.read_text(), point
            if point == "applied:1":
                assert resumed["notes"][0].startswith("There is nothing to resume")
            else:
                assert resumed["notes"][0].startswith(f"Resumed run {run.pk} after its last commit, of ")
            run.refresh_from_db()
            assert run.error == f"interrupted; resumed as run {resumed['run']}"
            assert (run.status, run.finished_at >= run.started_at) == ("failed", True)
            kept = Rejection.objects.using(kill.database.alias).filter(run=resumed["run"])
            assert kept.count() == 12
            assert not Checkpoint.objects.using(kill.database.alias).exists()
            kill.forget()

    def test_killed_twice(self, kill, tmp_path) -> None:
        """Also the run that resumes can be killed and resumed. All steps are full here."""
        path = categories(tmp_path / "c.csv", 10 * STEP)
        arguments = ("syncfile", "ERP", "shop", "Category", path, "--commit-every", STEP)
        report, state = kill.undisturbed(*arguments)
        kill.at("committed:2", *arguments)
        kill.at("committed:3", *arguments, "--resume")
        kill.at("applied:1", *arguments, "--resume")
        kill.at("committed:5", *arguments, "--resume")
        same(kill.run(*arguments, "--resume"), report)
        assert kill.state() == state
        statuses = Run.objects.using(kill.database.alias).values_list("status", flat=True)
        assert sorted(statuses) == ["failed"] * 4 + ["rejected"]

    def test_killed_from_outside(self, kill, tmp_path) -> None:
        """A real process with real rows, killed when some of them are there for all to see."""
        path = categories(tmp_path / "c.csv", 10_000)
        arguments = ("syncfile", "ERP", "shop", "Category", path, "--commit-every", 500)
        process = kill.database.start(*map(str, arguments))
        objects, deadline = Category.objects.using(kill.database.alias), time.monotonic() + 120
        while objects.count() < 1500:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
        process.communicate()
        held = objects.count()
        assert 1400 < held < 10_000
        resumed = kill.run(*arguments, "--resume")
        assert (resumed["created"], resumed["rejected"], resumed["total"]) == (9888, 112, 10_000)
        assert objects.count() == 9888
        # Those whose parent was refused have none.
        assert objects.filter(parent=None).count() == sum(
            1 for n in range(10_000) if n % 90 and not (n + 700) % 10_000 % 90
        )
        again = kill.run(*arguments)
        assert (again["unchanged"], again["rejected"]) == (9888, 112)

    def test_in_one_transaction_nothing_is_written(self, kill, tmp_path) -> None:
        """Without --commit-every a killed run leaves nothing but its row in the history."""
        path = categories(tmp_path / "c.csv", ROWS)
        kill.at("inserted:1", "syncfile", "ERP", "shop", "Category", path, "--skip-errors")
        assert not any(kill.state().values())
        assert not Checkpoint.objects.using(kill.database.alias).exists()
        assert not ExternalSystem.objects.using(kill.database.alias).exists()

    def test_a_changed_file_is_not_resumed(self, kill, tmp_path) -> None:
        """Row numbers would mean other rows. Status 2, one sentence, nothing written."""
        arguments = self.arguments(tmp_path)
        kill.at("committed:3", *arguments)
        before = kill.state()
        with Path(str(arguments[4])).open("a") as file:
            file.write("K,cu*,code,NEW,New,\n")
        done = kill.database.run(*map(str, arguments), "--resume")
        assert done.returncode == 2
        assert "has changed since the run that is to be resumed; start again without --resume" in done.stderr
        assert kill.state() == before
        # Started again, what is there already is unchanged.
        report = kill.run(*arguments)
        assert report["unchanged"] + report["updated"] >= 3 * STEP - 5
        assert report["total"] == ROWS + 1

    def test_other_options_are_another_run(self, kill, tmp_path) -> None:
        """A checkpoint is for the same input and options; the rest starts from the first row."""
        arguments = self.arguments(tmp_path)
        kill.at("committed:3", *arguments)
        report = kill.run(*arguments, "--on-conflict", "reject", "--resume")
        assert report["notes"][0].startswith("There is nothing to resume for this input and these options")
        assert report["unchanged"] + report["updated"] >= 3 * STEP - 5


class TestFailure:
    """A run that fails by itself keeps its checkpoint, too."""

    def test_a_limit_is_raised_and_the_run_goes_on(self, kill, tmp_path) -> None:
        """Stopped at the third refused row: with a higher limit it is resumed."""
        path = categories(tmp_path / "c.csv", ROWS)
        arguments = ("syncfile", "ERP", "shop", "Category", path, "--commit-every", STEP)
        report, state = kill.undisturbed(*arguments)
        stopped = kill.run(*arguments, "--max-errors", 4)
        assert stopped["status"] == "stopped"
        assert Checkpoint.objects.using(kill.database.alias).count() == 1
        resumed = kill.run(*arguments, "--resume", "--max-errors", 20)
        same(resumed, report)
        assert kill.state() == state
        assert Run.objects.using(kill.database.alias).get(pk=stopped["run"]).status == "stopped"


class TestSeveralFiles:
    """syncfiles: two files, three passes, postponed rows."""

    def arguments(self, tmp_path: Path) -> tuple[object, ...]:
        employees = write(
            tmp_path / "HR_shop_Employee.csv",
            "external_key,action_flags,match_on,number,boss=>number,department=>code",
            [
                # The departments come later, so all of these wait; some for what never comes.
                (f"E{n}", "cu*", "number", f"N{n}", f"N{n + 1}", f"D{n % 50 if n % 60 else 'nowhere'}")
                for n in range(400)
            ],
        )
        departments = write(
            tmp_path / "HR_shop_Department_2.csv",
            "external_key,action_flags,match_on,code,head=>number",
            [(f"D{n}", "cu*", "code", f"D{n}", f"N{n + 1}") for n in range(50)]
            + [(f"D{n}", "d*", "code", f"D{n}", "") for n in range(40, 50)]
            + [("", "cud", "code", "X", "")],
        )
        return ("syncfiles", employees, departments, "--commit-every", 60)

    def test_every_point_of_three_passes(self, kill, tmp_path) -> None:
        """Between files, in each pass, in each end phase."""
        refused, again = tmp_path / "refused", tmp_path / "again"
        arguments = self.arguments(tmp_path)
        report, state = kill.undisturbed(*arguments, "--rejects", refused)
        assert report["rejected"] == 8
        assert (report["deleted"], len(state["departments"])) == (10, 40)
        for point in ("committed:3", "committed:7", "end:1", "pass:2", "committed:12", "end:3", "finished:1"):
            kill.at(point, *arguments)
            resumed = kill.run(*arguments, "--resume", "--rejects", again)
            assert kill.state() == state, point
            same(resumed, report)
            assert {path.name: path.read_text() for path in again.iterdir()} == {
                path.name: path.read_text() for path in refused.iterdir()
            }
            kill.forget()
