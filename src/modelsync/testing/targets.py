"""What every target must do: a pytest class to subclass, one test for each rule.

    class TestMine(TargetContract):
        def make(self, *, conflict, delete_missing):
            return Bench(target=..., rows=..., keys=...)

The rules are those of docs/explanation/semantics.md. The target under test holds three tables:

* `owner`: `code` (text, unique), `name` (text, may be blank), `boss` (a reference to `owner`, may be NULL);
* `thing`: `code` and `name` alike, `size` (an integer, may be NULL), `owner` (a reference, may be NULL);
* `part`: `code` alike, `thing` (a reference that a new part needs, and that protects its thing).

Primary keys are called `id` and are numbered by the target.
"""

from __future__ import annotations

import pytest

from modelsync.core.errors import ConfigurationError
from modelsync.core.results import Status
from modelsync.testing.bench import Bench, Rows, Runner
from modelsync.testing.rules import ObjectRules

__all__ = ["Bench", "TargetContract"]


class TargetContract(ObjectRules):
    """The rules of a target. Subclass it, and give `make` (and `labels`, if tables are called otherwise)."""

    # -- several rows ------------------------------------------------------------------------

    def test_two_rows_of_one_batch_for_one_object(self, bench: Runner) -> None:
        """Row by row: the second row finds what the first one made."""
        rows = [{"code": "a", "name": "one"}, {"code": "a", "name": "two"}]
        assert bench.sync(rows, actions="cu*") == ["created", "updated"]
        assert bench.values("name") == [("two",)]

    def test_two_rows_of_one_batch_with_one_key(self, bench: Runner) -> None:
        """Row by row: the key that the first row got means its object in the second."""
        rows = [{"code": "a", "external_key": "1"}, {"code": "b", "external_key": "1"}]
        assert bench.sync(rows, "A", actions="cu*") == ["created", "updated"]
        assert (bench.values("code"), bench.keys()) == ([("b",)], {("A", "1"): bench.pk("b")})

    def test_create_and_delete_in_one_batch(self, bench: Runner) -> None:
        """Row by row: what was made can be deleted, and made again."""
        rows = [{"action_flags": flags, "code": "a", "name": flags} for flags in ("c", "d*", "c")]
        assert bench.sync(rows) == ["created", "deleted", "created"]
        assert bench.values("code") == [("a",)]

    def test_a_chain_of_renames(self, bench: Runner) -> None:
        """Trap "Uniqueness": each object takes the value that the one before it has just given up."""
        bench.sync([{"code": c, "external_key": c} for c in "abc"], "A")
        rows = [{"code": c, "external_key": k} for k, c in (("c", "d"), ("b", "c"), ("a", "b"))]
        assert bench.sync(rows, "A", actions="u*") == ["updated"] * 3
        assert bench.values("code") == [("b",), ("c",), ("d",)]

    def test_a_second_run_is_a_no_op(self, bench: Runner) -> None:
        """Invariant 1: the same input again changes nothing, and writes no key."""
        bench.sync([{"code": "o"}], table="owner")
        rows = [
            {"code": c, "name": "n", "size": i, "owner=>code": "o", "external_key": c}
            for i, c in enumerate("abc")
        ]
        assert bench.sync(rows, "A", actions="cu*") == ["created"] * 3
        before = bench.bench.rows(self.labels["thing"]), bench.keys()
        assert bench.sync(rows, "A", actions="cu*") == ["unchanged"] * 3
        assert (bench.report.keys_written, bench.report.keys_removed) == (0, 0)
        assert (bench.bench.rows(self.labels["thing"]), bench.keys()) == before

    # -- references --------------------------------------------------------------------------

    def test_a_reference_is_looked_up(self, bench: Runner) -> None:
        """References: exactly one answer is set like any other value."""
        bench.sync([{"code": "o"}, {"code": "p"}], table="owner")
        assert bench.sync([{"code": "a", "owner=>code": "o"}]) == ["created"]
        assert bench.sync([{"code": "a", "owner=>code": "p"}], actions="u") == ["unchanged"]
        assert bench.values("owner") == [(bench.pk("o", "owner"),)]
        assert bench.sync([{"code": "a", "owner=>code": "p"}], actions="u*") == ["updated"]
        assert bench.values("owner") == [(bench.pk("p", "owner"),)]

    def test_a_blank_reference_is_left_alone(self, bench: Runner) -> None:
        """References: blank lookups change nothing, also when forced."""
        bench.sync([{"code": "o"}], table="owner")
        bench.sync([{"code": "a", "owner=>code": "o"}])
        assert bench.sync([{"code": "a", "owner=>code": ""}], actions="u*") == ["unchanged"]
        assert bench.values("owner") == [(bench.pk("o", "owner"),)]

    def test_an_ambiguous_reference_is_left_alone(self, bench: Runner) -> None:
        """References: several answers are a warning."""
        bench.sync([{"code": "o", "name": "x"}, {"code": "p", "name": "x"}], table="owner")
        assert bench.sync([{"code": "a", "owner=>name": "x"}]) == ["created"]
        assert bench.values("owner") == [(None,)]
        assert bench.report.warnings

    def test_all_lookups_of_a_reference_are_wanted(self, bench: Runner) -> None:
        """References: the columns of one field are ANDed, blank ones are left out."""
        bench.sync([{"code": "o", "name": "x"}, {"code": "p", "name": "x"}], table="owner")
        rows = [
            {"code": "a", "owner=>name": "x", "owner=>code": "p"},
            {"code": "b", "owner=>name": "", "owner=>code": "o"},
        ]
        bench.sync(rows)
        assert bench.values("owner") == [(bench.pk("p", "owner"),), (bench.pk("o", "owner"),)]

    def test_a_reference_to_a_later_row(self, bench: Runner) -> None:
        """The end of a pass, 2: what a later row makes is found then."""
        rows = [
            {"code": "a", "boss=>code": "b"},
            {"code": "b", "boss=>code": "a"},
            {"code": "c", "boss=>code": "a"},
        ]
        assert bench.sync(rows, table="owner", actions="cu*") == ["created"] * 3
        a, b = bench.pk("a", "owner"), bench.pk("b", "owner")
        assert bench.values("code", "boss", table="owner") == [("a", b), ("b", a), ("c", a)]
        assert not bench.report.warnings

    def test_a_reference_that_is_never_found_is_a_warning(self, bench: Runner) -> None:
        """The end of a pass, 2: the object is there without it."""
        assert bench.sync([{"code": "a", "owner=>code": "nobody"}]) == ["created"]
        assert bench.values("code", "owner") == [("a", None)]
        assert len(bench.report.warnings) == 1

    def test_a_needed_reference_that_is_never_found_is_rejected(self, bench: Runner) -> None:
        """The end of a pass, 1: what remains of the postponed rows is rejected."""
        bench.sync([{"code": "a"}])
        rows = [{"code": "p", "thing=>code": "nothing"}, {"code": "q", "thing=>code": "a"}]
        assert bench.sync(rows, table="part", skip_errors=True) == ["rejected", "created"]
        assert bench.values("code", table="part") == [("q",)]

    def test_a_needed_reference_that_is_blank_is_rejected(self, bench: Runner) -> None:
        """References: a new object needs it, and all lookups are blank."""
        assert bench.sync([{"code": "p", "thing=>code": ""}], table="part", skip_errors=True) == ["rejected"]

    def test_a_key_column_that_names_nothing_postpones(self, bench: Runner) -> None:
        """References: a plain reference column holds the key itself; a later row may make the object."""
        bench.sync([{"code": "x"}], table="owner")
        late = bench.pk("x", "owner") + 1000
        rows = [{"id": late - 1, "code": "a", "boss": late}, {"id": late, "code": "b", "boss": None}]
        assert bench.sync(rows, table="owner", only=True) == ["created", "created"]
        assert bench.values("code", "boss", table="owner") == [("a", late), ("b", None), ("x", None)]

    # -- errors and transactions -------------------------------------------------------------

    def test_a_bad_value_rejects_its_row(self, bench: Runner) -> None:
        """Before anything else: column and value are told, the other rows go in."""
        rows: Rows = [{"code": "a", "size": "many"}, {"code": "b", "size": 1}]
        assert bench.sync(rows, skip_errors=True) == ["rejected", "created"]
        (rejection,) = bench.report.rejections
        assert (rejection.column, rejection.value) == ("size", "many")
        assert bench.values("code") == [("b",)]

    def test_a_row_that_only_deletes_needs_its_match_cells(self, bench: Runner) -> None:
        """Before anything else: its other cells do not matter."""
        bench.sync([{"code": "a"}])
        assert bench.sync([{"code": "a", "size": "many"}], actions="d*") == ["deleted"]

    def test_a_broken_constraint_rejects_its_row(self, bench: Runner) -> None:
        """Errors: a unique value that another object has; nothing of the row remains, not even its key."""
        bench.sync([{"code": "a", "name": "x"}, {"code": "b", "name": "y"}])
        row = {"code": "a", "name": "y", "external_key": "1"}
        outcomes = bench.sync(
            [row, {"code": "c", "name": "z"}], "A", match_on="name", actions="u*c", skip_errors=True
        )
        assert outcomes == ["rejected", "created"]
        assert (bench.values("code"), bench.keys()) == ([("a",), ("b",), ("c",)], {})

    def test_a_rejection_undoes_the_run(self, bench: Runner) -> None:
        """Errors: by default one refused row rolls everything back, after all rows were tried."""
        rows = [
            {"code": "a", "external_key": "1"},
            {"code": "b", "size": "many"},
            {"code": "c", "size": "more"},
        ]
        assert bench.sync(rows, "A") == ["created", "rejected", "rejected"]
        assert (bench.values("code"), bench.keys(), bench.report.committed) == ([], {}, False)

    def test_a_dry_run_leaves_nothing(self, bench: Runner) -> None:
        """Invariant 4: the same decisions, and then everything is undone."""
        bench.sync([{"code": "a", "name": "", "external_key": "1"}], "A")
        before = bench.bench.rows(self.labels["thing"])
        rows = [
            {"code": "a", "name": "n", "external_key": "1"},
            {"code": "b", "name": "", "external_key": "2"},
        ]
        assert bench.sync(rows, "A", dry_run=True) == ["updated", "created"]
        assert (bench.bench.rows(self.labels["thing"]), list(bench.keys())) == (before, [("A", "1")])

    def test_an_exception_undoes_the_transaction(self, bench: Runner) -> None:
        """`atomic()`: what was done inside is undone, and the target can be used again."""
        with pytest.raises(ZeroDivisionError):
            bench.sync([{"code": "a"}], broken=True)
        assert bench.values("code") == []
        assert bench.sync([{"code": "a"}]) == ["created"]

    def test_an_unknown_match_column_is_a_mistake_in_the_configuration(self, bench: Runner) -> None:
        """Before anything is written: a match on a column that the table does not have."""
        with pytest.raises(ConfigurationError):
            bench.sync([{"code": "a", "colour": "red"}], match_on="colour")
        assert bench.values("code") == []

    # -- missing -----------------------------------------------------------------------------

    def test_what_a_complete_input_lacks_is_deleted(self, padding: int) -> None:
        """`finish`: objects that only this system holds go; others lose its key or are not touched."""
        bench = Runner(self, self.make(delete_missing=True), padding)
        bench.sync([{"code": c, "external_key": c} for c in "abc"], "A", delete_missing=True)
        bench.sync([{"code": "c", "external_key": "9"}], "B")
        bench.sync([{"code": "d"}])
        bench.sync([{"code": "a", "external_key": "a"}], "A", delete_missing=True)
        assert bench.report.removed == 1
        assert bench.values("code") == [("a",), ("c",), ("d",)]
        assert bench.keys() == {("A", "a"): bench.pk("a"), ("B", "9"): bench.pk("c")}

    def test_the_guard_stops_a_run_that_would_delete_much(self, padding: int) -> None:
        """Invariant 6: over 10 rows and over 10 % are refused, and nothing is written."""
        bench = Runner(self, self.make(delete_missing=True), 0)
        bench.sync([{"code": str(i), "external_key": str(i)} for i in range(12)], "A", delete_missing=True)
        bench.sync([{"code": "new", "external_key": "new"}], "A", delete_missing=True)
        assert bench.report.status is Status.STOPPED
        assert sorted(bench.values("code")) == sorted((str(i),) for i in range(12))
