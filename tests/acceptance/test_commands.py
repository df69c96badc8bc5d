"""The options of syncfile and syncfiles, and what they tell a person or a script."""

from __future__ import annotations

import csv
import gzip
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from modelsync.models import ExternalKeyMapping, Run
from tests.separate import ROOT, SeparateDatabase
from tests.shop.models import House, Person, Product, Saving, Supplier

pytestmark = pytest.mark.django_db

HEADER = "external_key,action_flags,match_on,sku,name,price"
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of lines and return its path."""

    def make(name: str, *lines: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(line + "\n" for line in lines), encoding=encoding)
        return path

    return make


def products(*numbers: int, price: object = 5, flags: str = "cu*") -> list[str]:
    """Rows of a file of products."""
    return [f"K{n},{flags},sku,S{n},Product {n},{price}" for n in numbers]


class Result:
    """What a command said, and its exit status."""

    def __init__(self, *arguments: object, **options: Any) -> None:
        out, err = StringIO(), StringIO()
        self.status, self.error = 0, ""
        try:
            call_command(*map(str, arguments), stdout=out, stderr=err, **options)
        except CommandError as error:
            self.status, self.error = error.returncode, str(error)
        self.out, self.err = out.getvalue(), err.getvalue()


def sync(path: object, *arguments: object, **options: Any) -> Result:
    """Bring a file into Product."""
    return Result("syncfile", "ERP", "shop", "Product", path, *arguments, **options)


def counts(out: str) -> dict[str, int]:
    """The table at the end."""
    lines = (line.rsplit(maxsplit=1) for line in out.splitlines() if line.startswith(" "))
    return {words[0].strip(): int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}


def cells(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def skus() -> set[str]:
    """The products that are there."""
    return set(Product.objects.values_list("sku", flat=True))


class TestSummary:
    """What a person reads at the end of a run."""

    def test_every_row_is_counted_once(self, write) -> None:
        """The outcomes add up to the rows."""
        Product.objects.create(sku="S1", name="Product 1", price=5)
        path = write("p.csv", HEADER, *products(1, 2, 3), *products(9, flags="u"), *products(3, price=6))
        result = sync(path)
        assert counts(result.out) == {
            "created": 2,
            "updated": 1,
            "deleted": 0,
            "unchanged": 1,
            "skipped": 1,
            "rejected": 0,
            "rows": 5,
        }
        assert (result.status, result.error) == (0, "")
        assert result.out.splitlines()[-1].startswith("Done (")

    def test_skipped_rows_with_a_warning_are_not_listed_twice(self, write) -> None:
        """The title of the list says how many it lists."""
        path = write("p.csv", HEADER, *products(1, flags=""), *products(2, flags="u"))
        result = sync(path)
        assert counts(result.out)["skipped"] == 2
        assert f"warnings (1):\n  {path}:2: it has no action flag; write c, u or d\n" in result.out
        assert (
            f"skipped, besides those with a warning (1):\n  {path}:3: no object matches, "
            "and the row does not ask to create one\n"
        ) in result.out

    def test_all_refused_rows_are_listed_in_their_order(self, write) -> None:
        """Also those that are found out about in different ways, and more than twenty."""
        lines = [
            *products(*range(30), price="x"),
            "short",
            *products(40, flags="x"),
            *products(41, price="y"),
        ]
        path = write("p.csv", HEADER, *lines)
        result = sync(path)
        places = [line.split(":")[1] for line in result.out.splitlines() if line.startswith(f"  {path}:")]
        assert places == [str(number) for number in range(2, 35)]
        assert "refused (33):" in result.out

    def test_long_lists_and_long_values_are_cut(self, write) -> None:
        """Twenty lines of a kind, sixty characters of a value, and how much is not shown."""
        path = write("p.csv", HEADER, *products(*range(25), flags="u"), *products(1, price="9" * 500))
        result = sync(path)
        assert "skipped (25):" in result.out
        assert "  … and 5 more\n" in result.out
        assert max(map(len, result.out.splitlines())) < len(str(path)) + 250
        assert f"price = '{'9' * 58}…': " in result.out

    def test_why_objects_were_used(self, write) -> None:
        """A model with a save() of its own cannot be written in sets; the last line says so."""
        path = write("s.csv", "code,note", "A,x")
        result = Result("syncfile", "ERP", "shop", "Saving", path, "--match-on", "code")
        assert Saving.objects.get().note == "X"
        assert "shop.Saving objects: " in result.out.splitlines()[-1]

    def test_nothing_is_said_with_verbosity_0(self, write) -> None:
        """Only an error is told, and the exit status."""
        assert (sync(write("p.csv", HEADER, *products(1)), verbosity=0).out) == ""
        failed = sync(write("q.csv", HEADER, *products(1, price="x")), verbosity=0)
        assert (failed.out, failed.err, failed.status) == ("", "", 1)
        assert failed.error.startswith("1 row was refused, so nothing was written. Mend it, or ")


class TestPreview:
    """--dry-run and --diff."""

    def test_a_dry_run_shows_changes_and_writes_nothing(self, write) -> None:
        """A table with object, field, old and new value; no row, key, system or run is left."""
        Product.objects.create(sku="S1", name="Old name", price=5)
        before = list(Product.objects.values())
        result = sync(write("p.csv", HEADER, *products(1, 2)), "--dry-run")
        lines = [" ".join(line.split()) for line in result.out.splitlines()]
        assert lines[0] == "2 changes that a run would make"
        assert lines[2] == "object field old new"
        pk = before[0]["id"]
        assert f"shop.Product {pk} updated name Old name Product 1" in lines
        assert any(line.startswith("shop.Product (new) created ") for line in lines)
        assert result.out.splitlines()[-1].startswith("Dry run: nothing was written (")
        assert list(Product.objects.values()) == before
        assert not ExternalKeyMapping.objects.exists()
        assert not Run.objects.exists()

    def test_a_sample_has_twenty_changes(self, write) -> None:
        """Of more, the table shows the first."""
        result = sync(write("p.csv", HEADER, *products(*range(30))), "--dry-run")
        assert result.out.startswith("the first 20 changes that a run would make\n")
        assert "Product 19" in result.out
        assert "Product 20" not in result.out

    def test_long_values_are_cut_in_the_table(self, write) -> None:
        """And NULL is told from an empty text."""
        Product.objects.create(sku="S1", name="Product 1", description="", price=None)
        path = write("p.csv", "sku,description,price", f"S1,{'x' * 500},3")
        result = sync(path, "--match-on", "sku", "--actions", "u*", "--dry-run")
        assert "x" * 61 not in result.out.replace("\n", "")
        assert "NULL" in result.out

    @pytest.mark.parametrize("switch", [["--skip-errors"], ["--commit-every", "10"], ["--no-as_transaction"]])
    def test_what_a_run_would_do_about_refused_rows(self, write, switch) -> None:
        """The last sentence knows whether the good rows would be written."""
        path = write("p.csv", HEADER, *products(1), *products(2, price="x"))
        assert sync(path, "--dry-run").error.startswith("1 row was refused, so a run would write nothing.")
        assert sync(path, "--dry-run", *switch).error == "1 row was refused; a run would write the others."
        assert not skus()

    def test_the_diff_has_every_change(self, write, tmp_path) -> None:
        """A line for each field of each object; more than the sample shows."""
        Product.objects.create(sku="S1", name="Old name", price=5)
        Product.objects.create(sku="S2", name="Gone", price=5)
        path = write("p.csv", HEADER, *products(1), *products(2, flags="d*"), *products(*range(3, 30)))
        planned = sync(path, "--dry-run", "--diff", tmp_path / "plan.csv")
        assert f"29 changes that a run would make: see {tmp_path / 'plan.csv'}." in planned.out
        result = sync(path, "--diff", tmp_path / "d.csv")
        assert f"29 changes: see {tmp_path / 'd.csv'}." in result.out
        rows = cells(tmp_path / "d.csv")
        assert list(rows[0]) == ["model", "pk", "outcome", "field", "old", "new", "origin"]
        pk = str(Product.objects.get(sku="S1").pk)
        assert [row for row in rows if row["pk"] == pk and row["outcome"] == "updated"] == [
            {
                "model": "shop.Product",
                "pk": pk,
                "outcome": "updated",
                "field": "name",
                "old": "Old name",
                "new": "Product 1",
                "origin": f"{path}:2",
            }
        ]
        assert [row["outcome"] for row in rows if row["origin"] == f"{path}:3"] == ["deleted"]
        created = {row["new"] for row in rows if (row["outcome"], row["field"]) == ("created", "name")}
        assert created == {f"Product {n}" for n in range(3, 30)}

    def test_the_match_fields_of_created_objects_are_shown(self, write) -> None:
        """They say which object it would be, also beside rows of objects that are there."""
        Product.objects.create(sku="S3", name="Old", price=5)
        result = sync(write("p.csv", HEADER, *products(*range(6))), "--dry-run")
        assert all(f"S{n}\n" in result.out for n in (0, 1, 2, 4, 5))

    def test_a_diff_without_changes_has_its_header(self, write, tmp_path) -> None:
        """The file says that there was nothing, and replaces an older one."""
        path = write("p.csv", HEADER, *products(1))
        sync(path, "--diff", tmp_path / "d.csv")
        result = sync(path, "--diff", tmp_path / "d.csv")
        assert f"0 changes: see {tmp_path / 'd.csv'}." in result.out
        assert cells(tmp_path / "d.csv") == []


class TestRejects:
    """--rejects, --skip-errors, --max-errors."""

    def test_refused_rows_come_as_they_were_with_reasons(self, write, tmp_path) -> None:
        """In the order of the input, every cell as it came."""
        path = write(
            "p.csv",
            HEADER,
            *products(1),
            *products(2, price='"1,5"'),
            "K3,cu*,sku,S3,Three,1,more",
            *products(4, flags="x"),
        )
        result = sync(path, "--rejects", tmp_path / "r.csv", "--skip-errors")
        assert f"The refused rows are in {tmp_path / 'r.csv'}: mend them and feed that file." in result.out
        rows = cells(tmp_path / "r.csv")
        assert list(rows[0]) == [*HEADER.split(","), "_error_column", "_error", "_origin", "_more"]
        assert [row["_origin"] for row in rows] == [f"{path}:3", f"{path}:4", f"{path}:5"]
        assert [row["_error_column"] for row in rows] == ["price", "", "action_flags"]
        assert rows[0]["price"] == "1,5"
        assert "decimal point" in rows[0]["_error"]
        assert rows[1]["_more"] == "more"
        assert skus() == {"S1"}

    def test_the_mended_file_goes_in(self, write, tmp_path) -> None:
        """The reason columns may stay; fed again with --rejects under another name, nothing is left."""
        path = write("p.csv", HEADER, *products(1), *products(2, price="x"), *products(3, price="y"))
        refused, again = tmp_path / "r.csv", tmp_path / "r2.csv"
        sync(path, "--rejects", refused, "--skip-errors")
        refused.write_text(refused.read_text().replace(",x,", ",2,", 1))
        second = sync(refused, "--rejects", again, "--skip-errors")
        assert second.status == 1
        assert "warnings" not in second.out
        assert list(cells(again)[0]) == [*HEADER.split(","), "_error_column", "_error", "_origin"]
        assert [row["sku"] for row in cells(again)] == ["S3"]
        again.write_text(again.read_text().replace(",y,", ",3,", 1))
        third = sync(again, "--rejects", refused)
        assert third.status == 0
        assert skus() == {"S1", "S2", "S3"}
        # The file of an earlier run would be taken for this one's.
        assert not refused.exists()

    def test_nothing_is_written_without_skip_errors(self, write, tmp_path) -> None:
        """The rejects are, and the words do not promise that feeding them is enough."""
        path = write("p.csv", HEADER, *products(1), *products(2, price="x"))
        result = sync(path, "--rejects", tmp_path / "r.csv")
        assert not skus()
        assert f"The refused rows are in {tmp_path / 'r.csv'}: its last columns say why." in result.out
        assert result.error == (
            "1 row was refused, so nothing was written. Mend it, or write the other rows with --skip-errors."
        )

    def test_ndjson_keeps_values_as_they_came(self, write, tmp_path) -> None:
        """Numbers stay numbers, and what was not sent is not there."""
        path = write("p.ndjson", '{"sku": "S1", "price": true}', '{"sku": "S2", "stock": "many"}')
        sync(path, "--match-on", "sku", "--rejects", tmp_path / "r.ndjson")
        lines = [json.loads(line) for line in (tmp_path / "r.ndjson").read_text().splitlines()]
        assert [set(line) - {"_error", "_error_column", "_origin"} for line in lines] == [
            {"sku", "price"},
            {"sku", "stock"},
        ]
        assert lines[0]["price"] is True

    def test_a_column_that_was_not_sent_does_not_come_back_blank(self, write, tmp_path) -> None:
        """Trap: omitted is not null. CSV has one header, so rows of other columns get a file of their own."""
        Product.objects.create(sku="S2", name="Two", description="kept", price=1)
        path = write(
            "p.ndjson",
            '{"sku": "S1", "name": "One", "description": "d", "price": "x"}',
            '{"sku": "S2", "name": "Zwei", "price": "y"}',
        )
        arguments = ["--match-on", "sku", "--actions", "cu*"]
        result = sync(path, *arguments, "--rejects", tmp_path / "r.csv", "--skip-errors")
        assert f"The refused rows are in {tmp_path / 'r_2.csv'}" in result.out
        other = tmp_path / "r_2.csv"
        other.write_text(other.read_text().replace(",y,", ",2,"))
        assert sync(other, *arguments).status == 0
        assert Product.objects.values_list("name", "description").get(sku="S2") == ("Zwei", "kept")

    def test_several_files_need_a_folder(self, write, tmp_path) -> None:
        """Each system and model has its file there, under a name that syncfiles understands."""
        one = write("in/ERP_shop_Product.csv", HEADER, *products(1, price="x"))
        two = write("in/WMS_shop_House.csv", "action_flags,match_on,address,floors", "c,address,X,many")
        refused = tmp_path / "refused"
        assert Result("syncfiles", one, two, "--rejects", tmp_path / "r.csv").status == 2
        result = Result("syncfiles", one, two, "--rejects", refused)
        assert sorted(path.name for path in refused.iterdir()) == [
            "ERP_shop_Product.csv",
            "WMS_shop_House.csv",
        ]
        assert result.status == 1
        for path in refused.iterdir():
            path.write_text(path.read_text().replace(",x,", ",1,").replace(",many,", ",2,"))
        again = Result("syncfiles", refused, "--rejects", tmp_path / "again")
        assert again.status == 0
        assert skus() == {"S1"}
        assert House.objects.get().floors == 2
        assert not (tmp_path / "again").exists()
        # Mended at the source: what an earlier run left in the folder is not true any more.
        write("in/ERP_shop_Product.csv", HEADER, *products(1, price="3"))
        Result("syncfiles", one, two, "--rejects", refused)
        assert [path.name for path in refused.iterdir()] == ["WMS_shop_House.csv"]

    @pytest.mark.parametrize("option", ["--rejects", "--diff"])
    def test_the_input_is_never_overwritten(self, write, tmp_path, option) -> None:
        """A file that is read cannot be an output, however it is spelt; nor can the folder of the input."""
        path = write("in/ERP_shop_Product.csv", HEADER, *products(1, price="x"))
        text = path.read_text()
        for output in (path, path.parent / ".." / "in" / path.name):
            result = sync(path, option, output)
            assert f"{option} would overwrite the input" in result.error
            assert result.status == 2
        assert Result("syncfiles", path, "--rejects", path.parent).status == 2
        assert path.read_text() == text

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--rejects", "nowhere/r.csv"], "--rejects: there is no folder"),
            (["--diff", "nowhere/d.csv"], "--diff: there is no folder"),
            (["--diff", "."], "--diff takes a file"),
            (["--diff", "x.csv", "--rejects", "x.csv"], "name the same file"),
        ],
    )
    def test_outputs_that_cannot_be(self, write, tmp_path, monkeypatch, arguments, message) -> None:
        """Told before anything is read."""
        monkeypatch.chdir(tmp_path)
        result = sync(write("in/p.csv", HEADER, *products(1)), *arguments)
        assert result.status == 2
        assert message in result.error
        assert not skus()

    def test_max_errors(self, write) -> None:
        """More refused rows than that stop the run; so many do not."""
        path = write("p.csv", HEADER, *products(9), *products(1, 2, 3, price="x"))
        stopped = sync(path, "--skip-errors", "--max-errors", "2")
        assert stopped.status == 1
        assert "more than 2 rejections (--max-errors)" in stopped.error
        assert not skus()
        assert (
            sync(path, "--skip-errors", "--max-errors", "3").error
            == "3 rows were refused; the others were written."
        )
        assert skus() == {"S9"}
        assert "0 or more" in sync(path, "--max-errors", "-1").error


class TestMissing:
    """--missing and the delete guard."""

    def keep(self, write: Write, *numbers: int) -> Path:
        return write("p.csv", HEADER, *products(*numbers))

    def test_keep_is_the_default(self, write) -> None:
        """What the file no longer has stays."""
        sync(self.keep(write, 1, 2))
        sync(self.keep(write, 1))
        assert skus() == {"S1", "S2"}

    def test_delete_takes_only_this_systems_own(self, write) -> None:
        """Not what nobody gave a key, and not what another system holds; that loses this system's key."""
        Product.objects.create(sku="LOCAL", name="Ours")
        sync(self.keep(write, 1, 2, 3))
        Result("syncfile", "WMS", "shop", "Product", self.keep(write, 3))
        result = sync(self.keep(write, 1), "--missing", "delete")
        assert "removed (missing from the input)" in result.out
        assert counts(result.out)["removed (missing from the input)"] == 1
        assert skus() == {"LOCAL", "S1", "S3"}
        held = set(ExternalKeyMapping.objects.values_list("external_system__name", "external_key"))
        assert held == {("ERP", "K1"), ("WMS", "K3")}

    def test_the_guard_stops_a_truncated_file(self, write) -> None:
        """More than 10 rows and more than 10 % of the table are too many to be implied."""
        sync(self.keep(write, *range(40)))
        before = skus()
        result = sync(self.keep(write, 1), "--missing", "delete")
        assert result.status == 1
        assert "the input lacks 39 of 40 shop.Product objects" in result.error
        assert skus() == before
        assert result.out.splitlines()[-1].startswith("Stopped (")
        assert "lacks" not in result.out

    @pytest.mark.parametrize(
        ("limit", "stopped"), [("38", True), ("39", False), ("97%", True), ("98%", False), ("0", True)]
    )
    def test_max_deletes(self, write, limit, stopped) -> None:
        """A number, or a percentage of the table."""
        sync(self.keep(write, *range(40)))
        result = sync(self.keep(write, 1), "--missing", "delete", "--max-deletes", limit)
        assert (result.status, len(skus())) == ((1, 40) if stopped else (0, 1))

    def test_max_deletes_bounds_deletes_of_rows_too(self, write) -> None:
        """A number is a bound on all deletes of the run."""
        sync(self.keep(write, 1, 2, 3))
        path = write("d.csv", HEADER, *products(1, 2, flags="d*"))
        result = sync(path, "--max-deletes", "1")
        assert result.status == 1
        assert "the run would delete 2 objects, --max-deletes allows 1" in result.error
        assert len(skus()) == 3
        assert sync(path, "--max-deletes", "2").status == 0
        assert skus() == {"S3"}

    @pytest.mark.parametrize("lines", [[], [HEADER]])
    def test_an_empty_file_never_empties_the_table(self, write, lines) -> None:
        """Trap: an empty source that answered well. Not even with a limit that would allow it."""
        sync(self.keep(write, 1, 2, 3))
        sync(write("p.csv", *lines), "--missing", "delete", "--max-deletes", "100%")
        assert len(skus()) == 3

    @pytest.mark.parametrize("limit", ["many", "-1", "120%", "%"])
    def test_a_limit_that_is_none(self, write, limit) -> None:
        """Wrong use, told before anything is read."""
        result = sync(self.keep(write, 1), "--max-deletes=" + limit)
        assert (result.status, skus()) == (2, set())
        assert "--max-deletes takes a number of rows or a percentage such as 25%" in result.error


class TestColumns:
    """Files without django-nsync's columns."""

    def test_the_command_line_says_what_the_file_does_not(self, write) -> None:
        """Which field finds the object, what to do, whose key, and what columns are called here."""
        Supplier.objects.create(code="ACME", name="Acme")
        path = write("p.csv", "No,Artikel,Preis,Lieferant", "1,S1,3.50,ACME", "2,S2,4.00,ACME")
        result = sync(
            path,
            *("--match-on", "sku", "--actions", "cu*", "--key-column", "No"),
            *("--map", "Artikel=sku", "--map", "Preis=price", "--map", "Lieferant=supplier=>code"),
        )
        assert result.status == 0
        found = set(Product.objects.values_list("sku", "supplier__code"))
        assert found == {("S1", "ACME"), ("S2", "ACME")}
        assert set(ExternalKeyMapping.objects.values_list("external_key", flat=True)) == {"1", "2"}

    def test_the_rows_own_columns_win(self, write) -> None:
        """The options are for what a row leaves blank or the file does not have."""
        path = write("p.csv", HEADER, "K1,c,sku,S1,One,1", "K2,c,,S2,Two,1")
        sync(path, "--match-on", "name", "--actions", "d*")
        assert skus() == {"S1", "S2"}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "nothing says how to find a row's object"),
            (["--match-on", "skuu"], "match_on names 'skuu', which is no column"),
            (["--match-on", "sku &"], "too few names"),
            (["--match-on", "sku", "--actions", "cud"], "asks to delete and to create"),
            (["--match-on", "sku", "--actions", "x"], "action flag 'x' is unknown"),
            (["--match-on", "sku", "--key-column", "No"], "there is no key column 'No'"),
            (["--match-on", "sku", "--map", "No=sku"], "there is no column 'No' to map"),
            (["--match-on", "sku", "--map", "sku"], "--map takes COLUMN=FIELD, not 'sku'"),
            (["--match-on", "sku", "--map", "name=sku"], "two columns give 'sku'"),
            (["--match-on", "sku", "--using", "elsewhere"], "there is no database 'elsewhere'"),
            (["--match-on", "sku", "--commit-every", "0"], "a number of rows, 1 or more"),
            (["--match-on", "sku", "--resume"], "resume needs commit_every"),
            (["--match-on", "sku", "--encoding", "nonsense"], "nonsense"),
        ],
    )
    def test_wrong_use_is_told_before_anything_is_read(self, write, arguments, message) -> None:
        """Exit status 2 and one sentence."""
        result = sync(write("p.csv", "sku,name", "S1,One"), *arguments)
        assert message in result.error
        assert result.status == 2
        assert not skus()


class TestFiles:
    """What can stand for a file."""

    def test_compressed_other_encodings_and_delimiters(self, write, tmp_path) -> None:
        """Found out by itself, or said."""
        packed = tmp_path / "p.csv.gz"
        packed.write_bytes(gzip.compress("\n".join([HEADER, *products(1)]).encode()))
        assert sync(packed).status == 0
        path = write("q.csv", HEADER.replace(",", ";"), "K2;cu*;sku;S2;Käse;1", encoding="cp1252")
        assert sync(path, "--encoding", "cp1252", "--delimiter", ";").status == 0
        tabbed = write("r.txt", HEADER.replace(",", "\t"), "K3\tcu*\tsku\tS3\tDrei\t1")
        assert sync(tabbed, "--format", "csv", "--delimiter", "tab").status == 0
        assert dict(Product.objects.values_list("sku", "name")) == {
            "S1": "Product 1",
            "S2": "Käse",
            "S3": "Drei",
        }

    def test_folders_and_patterns(self, write, tmp_path) -> None:
        """A folder stands for its files, a pattern for what answers to it, each once."""
        write("in/ERP_shop_Product_1.csv", HEADER, *products(1))
        write("in/ERP_shop_Product_2.csv", HEADER, *products(2))
        write("in/notes.md", "not for us")
        write("more/ERP_shop_Product_3.csv", HEADER, *products(3))
        result = Result("syncfiles", tmp_path / "in", tmp_path / "*" / "ERP_*.csv")
        assert counts(result.out)["rows"] == 3
        assert skus() == {"S1", "S2", "S3"}
        assert counts(sync(tmp_path / "in" / "*.csv").out)["unchanged"] == 2

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("nowhere.csv", "there is no file"),
            ("nothing*.csv", "no file answers to the pattern"),
            ("p.xyz", "does not say its format; say it with --format"),
        ],
    )
    def test_files_that_are_not_there(self, write, tmp_path, name, message) -> None:
        """One sentence that says which, and status 2."""
        write("p.xyz", HEADER)
        result = sync(tmp_path / name)
        assert message in result.error
        assert name in result.error
        assert result.status == 2


class TestDatabase:
    """--using and the run history."""

    @pytest.mark.django_db(databases=["default", "other"])
    def test_another_database(self, write) -> None:
        """Objects, keys and the run are there; nothing is in the default one."""
        result = sync(write("p.csv", HEADER, *products(1)), "--using", "other")
        assert result.status == 0
        assert Product.objects.using("other").get().sku == "S1"
        assert ExternalKeyMapping.objects.using("other").get().external_key == "K1"
        assert Run.objects.using("other").get().status == "done"
        assert not Product.objects.exists()
        assert not Run.objects.exists()

    def test_a_run_is_kept_with_its_rejections(self, write) -> None:
        """Who, what, when, and what came of it."""
        path = write("p.csv", HEADER, *products(1), *products(2, price="x"))
        sync(path)
        run = Run.objects.get()
        assert (run.name, run.status, run.counts["rejected"]) == (str(path), "rejected", 1)
        assert run.started_by
        refused = run.rejections.get()
        assert (refused.origin, refused.column, refused.value) == (f"{path}:3", "price", "x")
        assert refused.raw["columns"] == HEADER.split(",")
        assert refused.raw["cells"] == ["K2", "cu*", "sku", "S2", "Product 2", "x"]

    @pytest.mark.database
    def test_a_refused_row_with_characters_that_a_database_refuses(self, write) -> None:
        """Trap: NUL bytes. The row is refused, and the run history can be written all the same."""
        path = write("p.csv", HEADER, "K1,cu*,sku,S1,a\0b,1")
        sync(path, "--commit-every", "1")
        assert Run.objects.get().status == ("rejected" if not skus() else "done")


class TestJson:
    """--report json."""

    def test_it_parses_and_nothing_else_is_on_stdout(self, write, tmp_path) -> None:
        """Counts, rejections, warnings and skips, for a script."""
        path = write(
            "p.csv", HEADER + ",nmae", *(row + "," for row in (*products(1), *products(2, price="x")))
        )
        result = sync(path, "--report", "json", "--skip-errors", "--rejects", tmp_path / "r.csv")
        report = json.loads(result.out)
        assert report["status"] == "rejected"
        assert report["committed"] is True
        assert (report["total"], report["created"], report["rejected"]) == (2, 1, 1)
        (refused,) = report["rejections"]
        assert (refused["number"], refused["origin"], refused["column"]) == (1, f"{path}:3", "price")
        assert "did you mean 'name'" in report["warnings"][0]
        assert result.status == 1
        assert (tmp_path / "r.csv").exists()

    def test_a_stopped_run_is_reported_too(self, write) -> None:
        """A limit is no reason for a script to get nothing to read."""
        sync(write("p.csv", HEADER, *products(*range(40))))
        result = sync(write("p.csv", HEADER, *products(1)), "--missing", "delete", "--report", "json")
        report = json.loads(result.out)
        assert report["status"] == "stopped"
        assert report["error"] == result.error

    def test_wrong_use_prints_no_report(self, write) -> None:
        """There was no run."""
        result = sync("nowhere.csv", "--report", "json")
        assert (result.out, result.status) == ("", 2)


class TestProcesses:
    """The commands as they are called: exit statuses, stdin, terminals."""

    @pytest.mark.database
    def test_exit_statuses_and_output_of_real_processes(self, separate_database, write) -> None:
        """0 all well, 1 refused rows or a limit, 2 wrong use; never a traceback."""
        good = write("p.csv", HEADER, *products(*range(40)))
        bad = write("b.csv", HEADER, *products(1, price="x"))
        few = write("f.csv", HEADER, *products(1))
        start = ("syncfile", "ERP", "shop", "Product")
        cases: list[tuple[int, Sequence[object], str]] = [
            (0, (*start, good), ""),
            (1, (*start, bad), "CommandError: 1 row was refused, so nothing was written."),
            (1, (*start, few, "--missing", "delete"), "CommandError: the input lacks 39 of 40"),
            (2, (*start, "nowhere.csv"), "CommandError: there is no file nowhere.csv"),
            (2, ("syncfile", "ERP", "shop", "Prodct", good), "did you mean shop.Product?"),
            (2, ("syncfile", "ERP", "shop"), "the following arguments are required: MODEL, FILE"),
            (2, (*start, good, "--writer", "magic"), "invalid choice: 'magic'"),
            (2, (*start, good, "--as_transaction=perhaps"), "--as_transaction"),
        ]
        for status, arguments, message in cases:
            done = separate_database.run(*map(str, arguments))
            assert done.returncode == status, (arguments, done.stderr)
            assert message in done.stderr
            assert "Traceback" not in done.stderr + done.stdout
        assert Product.objects.using(separate_database.alias).count() == 40

    def test_stdin_and_json_of_a_real_process(self, separate_database) -> None:
        """`-` reads stdin; with --report json stdout has nothing but the report, stderr nothing."""
        lines = "\n".join([HEADER, *products(1, 2)])
        done = separate_database.run(
            *("syncfile", "ERP", "shop", "Product", "-", "--report", "json", "--as_transaction", "False"),
            input=lines,
        )
        assert json.loads(done.stdout)["created"] == 2
        assert done.stderr == ""
        assert Product.objects.using(separate_database.alias).count() == 2

    def test_a_reader_that_has_seen_enough(self, separate_database, write) -> None:
        """`| head` is no error of the run."""
        path = write("p.csv", HEADER, *products(*range(3000), flags="u"))
        process = separate_database.start("syncfile", "ERP", "shop", "Product", path)
        process.stdout.close()
        assert process.stderr.read() == ""
        process.stderr.close()
        assert process.wait() == 0

    def test_a_bar_on_a_terminal(self, separate_database, write) -> None:
        """On a pty there is a bar with rows and rows/s, and it is gone at the end."""
        path = write("p.csv", HEADER, *products(*range(3000)))
        shown = on_a_terminal(
            separate_database, "syncfile", "ERP", "shop", "Product", path, "--commit-every", "500"
        )
        assert "rows/s" in shown
        assert "━" in shown
        assert " created" in shown
        # Rich takes the bar away with an escape sequence that erases its line.
        assert "\x1b[2K" in shown


def on_a_terminal(database: SeparateDatabase, *arguments: object) -> str:
    """What a command shows on a terminal of its own."""
    ours, theirs = pty.openpty()
    environment = os.environ | database.environment | {"TERM": "xterm", "COLUMNS": "100"}
    command = [sys.executable, "-m", "django", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait() == 0
    return shown.decode()


class TestHelp:
    """--help."""

    @pytest.mark.parametrize("command", ["syncfile", "syncfiles", "sync"])
    def test_every_option_has_a_help_text(self, command) -> None:
        """And the exit statuses are said."""
        from django.core.management import load_command_class

        parser = load_command_class("modelsync", command).create_parser("manage.py", command)
        assert [action.dest for action in parser._actions if not action.help] == []
        text = " ".join(parser.format_help().split())
        assert "Exit status: 0 all well, 1 " in text
        assert "2 wrong use" in text

    def test_switches_are_understood_by_call_command_as_keywords(self, write) -> None:
        """Python callers give values."""
        path = write("p.csv", HEADER, *products(1), *products(2, price="x"))
        with pytest.raises(CommandError, match="the others were written"):
            call_command(
                "syncfile",
                "ERP",
                "shop",
                "Product",
                str(path),
                as_transaction=False,
                rejects=str(path.with_name("r.csv")),
                stdout=StringIO(),
            )
        assert skus() == {"S1"}
        assert path.with_name("r.csv").exists()
        assert not Person.objects.exists()


def test_more_verbosity_shows_where_the_time_went(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--verbosity 2` lists the seconds of each stage."""
    path = tmp_path / "s.csv"
    path.write_text("code,name\na,A\n")
    call_command("syncfile", "ERP", "shop", "Supplier", str(path), "--match-on", "code", "--verbosity", "2")
    shown = capsys.readouterr().out
    assert all(stage in shown for stage in ("read", "convert", "total")), shown


def test_strict_refuses_unknown_columns_before_a_row_is_read(tmp_path: Path) -> None:
    """The header is enough: a file that breaks off later is refused for its columns."""
    path = tmp_path / "s.csv"
    path.write_text('code,nmae\na,"A\n')
    with pytest.raises(CommandError, match=r"did you mean 'name'\?") as caught:
        call_command("syncfile", "ERP", "shop", "Supplier", str(path), "--match-on", "code", "--strict")
    assert caught.value.returncode == 2


def _in_process(*arguments: str, name: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
        "MODELSYNC_TEST_NAME": name,
    }
    command = [sys.executable, "-m", "django", *arguments]
    return subprocess.run(
        command, env=os.environ | environment | more, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_database_without_our_tables_is_one_clear_line(tmp_path: Path) -> None:
    """A project that has not migrated is told so, without a traceback."""
    path = tmp_path / "s.csv"
    path.write_text("code,name\na,A\n")
    found = _in_process(
        *("syncfile", "ERP", "shop", "Supplier", str(path), "--match-on", "code"),
        name=str(tmp_path / "empty.sqlite3"),
        MODELSYNC_TEST_DB="sqlite",
    )
    assert found.returncode == 1
    assert "run: manage.py migrate modelsync" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_server_that_is_down_is_one_clear_line(tmp_path: Path) -> None:
    """Nobody answers: the message says so, without a traceback."""
    path = tmp_path / "s.csv"
    path.write_text("code,name\na,A\n")
    found = _in_process(
        *("syncfile", "ERP", "shop", "Supplier", str(path), "--match-on", "code"),
        name="none",
        MODELSYNC_TEST_DB="postgresql",
        MODELSYNC_TEST_POSTGRESQL="postgresql://postgres@127.0.0.1:1/none",
    )
    assert found.returncode == 1
    assert "the database failed" in found.stderr
    assert "Traceback" not in found.stderr
