"""What commands show and write, without a run: progress, summaries, refused rows, changes."""

from __future__ import annotations

import csv
import json
import os
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from modelsync.core.errors import ConfigurationError
from modelsync.core.events import BatchApplied, RowsChanged, RowsRejected, RunFinished, RunStarted
from modelsync.core.records import OMITTED, Origin
from modelsync.core.results import Change, Notice, Outcome, Rejection, Report, Status
from modelsync.management.arguments import plain_switches
from modelsync.management.outputs import DiffWriter, RejectsWriter, file_name
from modelsync.management.rendering import PULL, progress, render

FINISHED = RunFinished("done", 0, 0.0)


class Clock:
    """Seconds that go by when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Lines:
    """A stream of Django's kind: `write` adds the end of the line."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def isatty(self) -> bool:
        return False

    def write(self, line: str) -> None:
        self.lines.append(line)


def refused(number: int, place: int | None = None, **given: Any) -> Rejection:
    """A rejection of a row with the columns a and b."""
    values = {
        "columns": ("a", "b"),
        "raw": (f"a{number}", f"b{number}"),
        "model": "shop.Product",
        "system": "ERP",
    }
    origin = Origin("x.csv", place if place is not None else number + 2)
    return Rejection(number=number, origin=origin, **({"reason": "no good"} | values | given))


def written(path: Path) -> list[list[str]]:
    """The lines of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.reader(file))


class TestProgress:
    """Lines where there is no terminal."""

    def test_a_line_every_five_seconds(self) -> None:
        """How many rows, how much of the input, how fast."""
        stream, clock = Lines(), Clock()
        with progress(stream, wanted=True, clock=clock) as (observer,):
            observer(RunStarted("x.csv", 1, False))
            for rows, seconds in ((10_000, 2), (20_000, 4), (30_000, 6), (40_000, 8), (50_000, 11)):
                clock.now = 100.0 + seconds
                observer(BatchApplied(0, rows, rows / 100_000))
            observer(FINISHED)
        assert stream.lines == ["30,000 rows, 30% read, 5,000 rows/s", "50,000 rows, 50% read, 4,545 rows/s"]

    def test_passes_are_told_apart(self) -> None:
        """Rows per second are those of all passes."""
        stream, clock = Lines(), Clock()
        with progress(stream, wanted=True, clock=clock) as (observer,):
            observer(RunStarted("x.csv", 3, False))
            clock.now += 10
            observer(BatchApplied(0, 1000, None))
            clock.now += 10
            observer(BatchApplied(1, 1000, None))
        assert stream.lines == ["pass 1/3: 1,000 rows, 100 rows/s", "pass 2/3: 1,000 rows, 100 rows/s"]

    def test_a_pull_has_objects(self) -> None:
        """The other site has no rows."""
        stream, clock = Lines(), Clock()
        with progress(stream, wanted=True, words=PULL, clock=clock) as (observer,):
            clock.now += 10
            observer(BatchApplied(0, 1000, 0.5))
        assert stream.lines == ["1,000 objects, 50% read, 100 objects/s"]

    def test_none_is_wanted(self) -> None:
        """With --verbosity 0, or a report for scripts."""
        with progress(Lines(), wanted=False) as observers:
            assert observers == []


class TestSummary:
    """`render`."""

    def report(self, **given: Any) -> Report:
        counts = dict.fromkeys(Outcome, 0) | given.pop("counts", {})
        return Report(counts=counts, status=Status.DONE, committed=True, durations={"total": 2.0}, **given)

    def test_what_did_not_happen_takes_no_lines(self) -> None:
        """Six outcomes, their sum, and how it ended."""
        shown = render(self.report(counts={Outcome.CREATED: 1234}), width=80, all_rejections=True)
        assert [" ".join(line.split()) for line in shown.split("\n")] == [
            "",
            "created 1,234",
            "updated 0",
            "deleted 0",
            "unchanged 0",
            "skipped 0",
            "rejected 0",
            "rows 1,234",
            "",
            "Done (2.0 s, 617 rows/s).",
            "",
        ]

    @pytest.mark.parametrize(
        ("given", "last"),
        [
            ({"committed": False}, "Nothing was written ("),
            ({"dry_run": True}, "Dry run: nothing was written ("),
            ({"status": Status.REJECTED}, "The good rows were written ("),
            ({"status": Status.STOPPED, "error": "stopped: more than 3 rejections"}, "Stopped (2.0 s)."),
        ],
    )
    def test_how_it_ended(self, given, last) -> None:
        """The last line; why it was stopped is the error's to tell."""
        report = self.report()
        for name, value in given.items():
            setattr(report, name, value)
        assert render(report, width=80, all_rejections=True).splitlines()[-1].startswith(last)

    def test_what_is_refused_as_a_whole(self) -> None:
        """What it means is the error's to tell."""
        report = self.report(counts={Outcome.REJECTED: 1})
        report.committed = False
        shown = render(report, width=80, all_rejections=True).splitlines()
        assert shown[-1] == "Refused (2.0 s, 0 rows/s)."

    def test_more_refused_rows_than_the_report_lists(self) -> None:
        """The number in the title is that of all, and the last line says how many are not shown."""
        report = self.report(counts={Outcome.REJECTED: 500}, rejections=[refused(n) for n in range(100)])
        shown = render(report, width=80, all_rejections=True)
        assert "refused (500):" in shown
        assert "  x.csv:101: no good\n  … and 400 more\n" in shown
        shown = render(report, width=80, all_rejections=False)
        assert "  x.csv:21: no good\n  … and 480 more\n" in shown

    def test_what_a_pull_deletes(self) -> None:
        """It is in one line, though no object that came asked for it."""
        report = self.report(counts={Outcome.UNCHANGED: 3}, removed=2)
        shown = [" ".join(line.split()) for line in render(report, width=80, all_rejections=True).split("\n")]
        assert shown[3:8] == [
            "deleted 0",
            "unchanged 3",
            "skipped 0",
            "rejected 0",
            "removed (missing from the input) 2",
        ]
        told = render(report, width=80, all_rejections=True, words=PULL).split("\n")
        shown = [" ".join(line.split()) for line in told]
        assert shown[3:8] == ["deleted 2", "unchanged 3", "skipped 0", "rejected 0", "received 3"]
        assert shown[-2] == "Done (2.0 s, 2 objects/s)."

    def test_what_stopped_before_the_first_row(self) -> None:
        """There is nothing to count."""
        report = self.report(error="the other site sent no objects at all")
        assert render(report, width=80, all_rejections=True, words=PULL) == "Stopped (2.0 s).\n"

    def test_decimals_have_the_digits_of_their_field(self) -> None:
        """SQLite keeps 4.50 as 4.5; what is none stays as it is."""
        fields = {"price": (4.5, "3"), "stock": (4.5, 3), "gone": (1, 2), "name": ("1", "2")}
        changes = [
            Change(number=0, model="shop.Product", pk=1, outcome=Outcome.UPDATED, fields=fields),
            Change(
                number=0, model="shop.Product", pk=2, outcome=Outcome.UPDATED, fields={"price": (None, "x")}
            ),
            Change(number=0, model="no.Model", pk=2, outcome=Outcome.UPDATED, fields={"price": (0.1, 0.2)}),
        ]
        shown = render(self.report(changes=changes, dry_run=True), width=80, all_rejections=True)
        lines = [" ".join(line.split()) for line in shown.splitlines()]
        assert lines[0] == "3 changes that a run would make"
        assert lines[4:10] == [
            "shop.Product 1 updated price 4.50 3.00",
            "stock 4.5 3",
            "gone 1 2",
            "name 1 2",
            "shop.Product 2 updated price NULL x",
            "no.Model 2 updated price 0.1 0.2",
        ]

    def test_what_databases_keep_in_another_form(self) -> None:
        """UUIDs without dashes, durations as microseconds; keys and references, too."""
        key = "00000000000000000000000000000005"
        fields = {"f_uuid": (None, key), "f_duration": (86_403_000_000, None), "f_int": (1, 2)}
        changes = [
            Change(number=0, model="shop.Everything", pk=1, outcome=Outcome.UPDATED, fields=fields),
            Change(number=0, model="blog.Badge", pk=key, outcome=Outcome.DELETED, fields={}),
        ]
        shown = render(self.report(changes=changes), width=140, all_rejections=True)
        assert [" ".join(line.split()) for line in shown.splitlines()][4:8] == [
            "shop.Everything 1 updated f_uuid NULL 00000000-0000-0000-0000-000000000005",
            "f_duration 1 day, 0:00:03 NULL",
            "f_int 1 2",
            "blog.Badge 00000000-0000-0000-0000-000000000005 deleted",
        ]

    def test_a_pull_in_which_something_is_refused_would_change_nothing(self) -> None:
        """So the changes are what it would make otherwise."""
        change = Change(number=0, model="shop.Product", pk=1, outcome=Outcome.DELETED, fields={})
        report = self.report(changes=[change], dry_run=True, counts={Outcome.REJECTED: 1})
        shown = render(report, width=80, all_rejections=True, words=PULL)
        assert shown.startswith("1 change that a pull would make, were nothing refused\n")

    def test_a_row_without_a_place(self) -> None:
        """Rows from Python have their number."""
        report = self.report(counts={Outcome.REJECTED: 1}, rejections=[Rejection(number=4, reason="no good")])
        assert "  row 5: no good\n" in render(report, width=80, all_rejections=True)

    @pytest.mark.parametrize(
        ("value", "shown"),
        [("x" * 100, f"'{'x' * 58}…': "), ([1] * 100, "[1, 1, "), ("short", "'short': "), (None, "None: ")],
    )
    def test_long_values_are_cut(self, value, shown) -> None:
        """A line is for reading; the whole value is in the rejects and in the report for scripts."""
        report = self.report(
            counts={Outcome.REJECTED: 1}, rejections=[refused(1, column="a", value=value, reason="r" * 1000)]
        )
        (line,) = (x for x in render(report, width=80, all_rejections=True).splitlines() if "x.csv" in x)
        assert line.startswith(f"  x.csv:3: a = {shown}")
        assert len(line) < 500

    def test_what_markup_would_be_elsewhere(self) -> None:
        """Square brackets of a value are not taken for styles."""
        report = self.report(warnings=[Notice(number=1, reason="it is [bold]odd[/bold] :smile:")])
        assert "it is [bold]odd[/bold] :smile:" in render(report, width=80, all_rejections=True)


class TestRejects:
    """`RejectsWriter`."""

    def test_in_the_order_of_the_input(self, tmp_path) -> None:
        """However they were told: unreadable rows have later ordinals than their lines."""
        path = tmp_path / "r.csv"
        writer = RejectsWriter(path, several=False)
        writer(RowsRejected((refused(3), refused(9, place=4, raw=("long", "row", "more", "cells")))))
        writer(RowsRejected((refused(0),)))
        writer(FINISHED)
        header, *rows = written(path)
        assert header == ["a", "b", "_error_column", "_error", "_origin", "_more"]
        assert [row[0] for row in rows] == ["a0", "long", "a3"]
        assert rows[1][-1] == "more | cells"
        assert writer.written == [path]

    def test_reason_columns_of_an_earlier_time_are_replaced(self, tmp_path) -> None:
        """Fed again and refused again, a row says why this time."""
        path = tmp_path / "r.csv"
        writer = RejectsWriter(path, several=False)
        writer(RowsRejected((refused(0, columns=("a", "_error", "_origin"), raw=("1", "old", "old")),)))
        writer(FINISHED)
        assert written(path) == [["a", "_error_column", "_error", "_origin"], ["1", "", "no good", "x.csv:2"]]

    def test_values_that_are_no_text(self, tmp_path) -> None:
        """NULL is blank, lists are JSON; what was not sent is in no column."""
        path = tmp_path / "r.csv"
        writer = RejectsWriter(path, several=False)
        writer(RowsRejected((refused(0, raw=(None, {"x": [1]})), refused(1, raw=("1", OMITTED)))))
        writer(FINISHED)
        assert written(path)[1][:2] == ["", '{"x":[1]}']
        assert written(tmp_path / "r_2.csv")[0][0] == "a"
        assert written(tmp_path / "r_2.csv")[0][1] == "_error_column"

    def test_lines_of_json(self, tmp_path) -> None:
        """One file whatever columns the rows have."""
        path = tmp_path / "r.ndjson"
        writer = RejectsWriter(path, several=False)
        writer(RowsRejected((refused(0, raw=(None, 2.5)), refused(1, raw=("1", OMITTED)))))
        writer(FINISHED)
        first, second = (json.loads(line) for line in path.read_text().splitlines())
        assert (first["a"], first["b"], first["_error"]) == (None, 2.5, "no good")
        assert "b" not in second

    def test_a_folder_for_several(self, tmp_path) -> None:
        """A file for each system and model; those of an earlier run go, others stay."""
        folder = tmp_path / "r"
        folder.mkdir()
        for name in ("ERP_shop_House.csv", "OTHER_shop_House.csv"):
            (folder / name).touch()
        routes = [("ERP", "shop.Product"), ("ERP", "shop.House"), ("a/b", "shop.Product")]
        writer = RejectsWriter(folder, several=True, routes=routes)
        writer(RowsRejected((refused(0), refused(1, system="a/b"))))
        writer(FINISHED)
        assert {path.name for path in folder.iterdir()} == {
            "ERP_shop_Product.csv",
            "OTHER_shop_House.csv",
            "a-b_shop_Product.csv",
        }

    def test_one_file_cannot_hold_several(self, tmp_path) -> None:
        """Told before the run."""
        with pytest.raises(ConfigurationError, match="--rejects takes a folder"):
            RejectsWriter(tmp_path / "r.csv", several=True)

    def test_nothing_refused_removes_an_earlier_file(self, tmp_path) -> None:
        """And makes none."""
        path = tmp_path / "r.csv"
        path.touch()
        RejectsWriter(path, several=False)(FINISHED)
        RejectsWriter(path, several=False)(FINISHED)
        assert list(tmp_path.iterdir()) == []

    def test_files_can_be_read_by_whom_the_umask_allows(self, tmp_path) -> None:
        """As any other file that a command makes."""
        old = os.umask(0o022)
        try:
            writer = RejectsWriter(tmp_path / "r.csv", several=False)
            writer(RowsRejected((refused(0),)))
            writer(FINISHED)
        finally:
            os.umask(old)
        assert stat.S_IMODE((tmp_path / "r.csv").stat().st_mode) == 0o644

    @pytest.mark.parametrize(
        ("text", "name"),
        [("ERP", "ERP"), ("a/b\\c", "a-b-c"), ("../x", "-x"), ("Käse 1.0", "Käse 1.0"), ("\0:", "--")],
    )
    def test_names_that_could_be_paths(self, text, name) -> None:
        """Trap: file names with `..`, slashes, NUL."""
        assert file_name(text) == name


class TestDiff:
    """`DiffWriter`."""

    def test_a_line_for_each_field(self, tmp_path) -> None:
        """And one for an object without any: it was deleted. Until the end the name is not taken."""
        path = tmp_path / "d.csv"
        writer = DiffWriter(path)
        fields = {"name": ("old", "new"), "stock": (None, 3)}
        update = Change(
            number=0,
            model="shop.Product",
            pk=7,
            outcome=Outcome.UPDATED,
            fields=fields,
            origin=Origin("x", 2),
        )
        delete = Change(number=1, model="shop.Product", pk=8, outcome=Outcome.DELETED, fields={})
        writer(RowsChanged((update, delete)))
        assert not path.exists()
        writer(FINISHED)
        assert written(path) == [
            ["model", "pk", "outcome", "field", "old", "new", "origin"],
            ["shop.Product", "7", "updated", "name", "old", "new", "x:2"],
            ["shop.Product", "7", "updated", "stock", "", "3", "x:2"],
            ["shop.Product", "8", "deleted", "", "", "", ""],
        ]
        assert [each.name for each in tmp_path.iterdir()] == ["d.csv"]


class TestSwitches:
    """Switches that take a value, as django-nsync has them."""

    @pytest.mark.parametrize(
        ("given", "plain"),
        [
            (["--x", "a"], ["--x", "a"]),
            (["--x", "True", "a"], ["--x", "a"]),
            (["--x", "false", "a"], ["--no-x", "a"]),
            (["--x=0"], ["--no-x"]),
            (["--x=yes", "--other=no"], ["--x", "--other=no"]),
            (["--no-x"], ["--no-x"]),
            (["--x=perhaps"], ["--x=perhaps"]),
            (["x", "False"], ["x", "False"]),
            (["--x"], ["--x"]),
        ],
    )
    def test_values(self, given, plain) -> None:
        """Only the words for true and false are taken for values."""
        assert plain_switches(given, ["x"]) == plain


def test_the_terminal_is_asked_of_the_stream() -> None:
    """A stream without `isatty` is no terminal."""
    with progress(StringIO(), wanted=True) as observers:
        assert len(observers) == 1
