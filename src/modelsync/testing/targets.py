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

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from modelsync.core.errors import ConfigurationError
from modelsync.core.events import BatchApplied, Event, RowsRejected
from modelsync.core.mapping import ColumnMapping
from modelsync.core.options import RunOptions
from modelsync.core.passes import Tally
from modelsync.core.planning import Conflict
from modelsync.core.ports import Applied, Group, Observer, Settled, Target
from modelsync.core.records import Action, Batch, Match
from modelsync.core.results import Outcome, Report, Status
from modelsync.engine import run
from modelsync.sources.iterable import IterableSource
from modelsync.testing.journal import MemoryJournal

Rows = Sequence[Mapping[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A target under test, and ways to look at what it holds.

    `rows(table)` gives the rows of one table in the order of their primary keys, each with all of its
    columns and `id`; references under the column's own name hold the primary key. `keys(table)`
    gives (system, key) -> primary key.
    """

    target: Target
    rows: Callable[[str], list[dict[str, Any]]]
    keys: Callable[[str], dict[tuple[str, str], Any]]


class TargetContract:
    """The rules of a target. Subclass it, and give `make` (and `labels`, if tables are called otherwise).

    Batches may be bigger than a target takes apart row by row: `padding` rows that touch nothing else
    are put around those of each test once more, so that ways that differ by size are all tested.
    """

    #: What the target calls the tables `owner`, `thing` and `part`.
    labels: ClassVar[Mapping[str, str]] = {"owner": "owner", "thing": "thing", "part": "part"}

    @abstractmethod
    def make(self, *, conflict: Conflict = Conflict.DELETE, delete_missing: bool = False) -> Bench:
        """A target with empty tables. It takes records without a system, and of the systems A and B."""
        raise NotImplementedError

    @pytest.fixture(params=[0, 30], ids=["few rows", "many rows"])
    def padding(self, request: pytest.FixtureRequest) -> int:
        """How many rows of its own each input has beside those that a test is about."""
        return int(request.param)

    @pytest.fixture
    def bench(self, padding: int) -> Runner:
        """A target with empty tables."""
        return Runner(self, self.make(), padding)

    # -- create ------------------------------------------------------------------------------

    def test_create_makes_an_object_of_all_values(self, bench: Runner) -> None:
        """Create, 4: no object answers, so one is made, and its key is kept."""
        assert bench.sync([{"code": "a", "name": "Ann", "size": 3, "external_key": "1"}], "A") == ["created"]
        assert bench.values("code", "name", "size", "owner") == [("a", "Ann", 3, None)]
        assert bench.keys() == {("A", "1"): bench.pk("a")}

    def test_create_without_some_columns_takes_defaults(self, bench: Runner) -> None:
        """Omitted is not null: a new object has its default where the source sent nothing."""
        bench.sync([{"code": "a"}])
        assert bench.values("code", "name", "size") == [("a", "", None)]

    def test_create_leaves_a_matched_object(self, bench: Runner) -> None:
        """Create, 3: one matched object is unchanged, and is adopted by the key."""
        bench.sync([{"code": "a", "name": "old"}])
        row = {"code": "a", "name": "new", "external_key": "1"}
        assert bench.sync([row], "A", actions="c") == ["unchanged"]
        assert bench.values("name") == [("old",)]
        assert bench.keys() == {("A", "1"): bench.pk("a")}

    def test_create_leaves_a_linked_object(self, bench: Runner) -> None:
        """Create, 1: the linked object is unchanged, whatever the row says of it."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        assert bench.sync([{"code": "b", "external_key": "1"}], "A", actions="c") == ["unchanged"]
        assert bench.values("code") == [("a",)]

    def test_create_does_not_choose_among_several(self, bench: Runner) -> None:
        """Create, 2: several matched objects are a skip with a warning, and nothing is linked."""
        bench.sync([{"code": "a", "name": "x"}, {"code": "b", "name": "x"}])
        row = {"code": "c", "name": "x", "external_key": "1"}
        assert bench.sync([row], "A", match_on="name", actions="c") == ["skipped"]
        assert bench.report.warnings
        assert (bench.values("code"), bench.keys()) == ([("a",), ("b",)], {})

    def test_a_key_without_its_object_is_pointed_to_the_new_one(self, bench: Runner) -> None:
        """A mapping whose object is gone counts as absent."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        bench.sync([{"code": "a"}], actions="d*")
        assert bench.sync([{"code": "b", "external_key": "1"}], "A") == ["created"]
        assert bench.keys() == {("A", "1"): bench.pk("b")}

    # -- update ------------------------------------------------------------------------------

    def test_update_fills_only_what_is_empty(self, bench: Runner) -> None:
        """Update, 4, unforced: NULL and '' are filled, a value stays."""
        bench.sync([{"code": "a", "name": "", "size": None}, {"code": "b", "name": "old", "size": 0}])
        new = {"name": "new", "size": 9}
        assert bench.sync([{"code": "a"} | new, {"code": "b"} | new], actions="u") == ["updated", "unchanged"]
        assert bench.values("code", "name", "size") == [("a", "new", 9), ("b", "old", 0)]

    def test_forced_update_replaces_everything_sent(self, bench: Runner) -> None:
        """Update, 4, forced: every value of the row, NULL and '' too; what was not sent stays."""
        bench.sync([{"code": "a", "name": "old", "size": 1}, {"code": "b", "name": "old", "size": 1}])
        assert (
            bench.sync([{"code": "a", "name": ""}, {"code": "b", "name": "x"}], actions="u*")
            == ["updated"] * 2
        )
        assert bench.sync([{"code": "a", "size": None}], actions="u*") == ["updated"]
        assert bench.values("code", "name", "size") == [("a", "", None), ("b", "x", 1)]

    def test_update_makes_nothing(self, bench: Runner) -> None:
        """Update, 3: without an object it is skipped, and no key is kept."""
        assert bench.sync([{"code": "a", "external_key": "1"}], "A", actions="u*") == ["skipped"]
        assert (bench.values("code"), bench.keys()) == ([], {})

    def test_update_follows_the_key_when_the_match_value_changed(self, bench: Runner) -> None:
        """Update, 3: the linked object is the one, so a forced row renames it."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        pk = bench.pk("a")
        assert bench.sync([{"code": "b", "external_key": "1"}], "A", actions="cu*") == ["updated"]
        assert (bench.values("code"), bench.pk("b")) == ([("b",)], pk)

    def test_update_that_only_writes_a_key_is_unchanged(self, bench: Runner) -> None:
        """Update, 5 and 6: the key is written, the record stays unchanged."""
        bench.sync([{"code": "a"}])
        assert bench.sync([{"code": "a", "external_key": "1"}], "A", actions="u*") == ["unchanged"]
        assert bench.keys() == {("A", "1"): bench.pk("a")}

    def test_a_conflict_deletes_the_matched_object(self, bench: Runner) -> None:
        """Update, 2: the object that has the new match value goes, the linked one gets it."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        bench.sync([{"code": "b"}])
        pk = bench.pk("a")
        assert bench.sync([{"code": "b", "external_key": "1"}], "A", actions="u*") == ["updated"]
        assert (bench.values("code"), bench.pk("b")) == ([("b",)], pk)

    def test_a_conflict_may_be_refused(self, padding: int) -> None:
        """Update, 2, with `reject`: the row is rejected, both objects stay."""
        bench = Runner(self, self.make(conflict=Conflict.REJECT), padding)
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        bench.sync([{"code": "b"}])
        row = {"code": "b", "external_key": "1"}
        assert bench.sync([row], "A", actions="u*", skip_errors=True) == ["rejected"]
        assert bench.values("code") == [("a",), ("b",)]

    def test_several_matched_are_skipped_with_a_linked_object_too(self, bench: Runner) -> None:
        """Update, 1: an ambiguous match is never solved by the key."""
        bench.sync([{"code": "a", "name": "x", "external_key": "1"}, {"code": "b", "name": "x"}], "A")
        row = {"code": "c", "name": "x", "external_key": "1"}
        assert bench.sync([row], "A", match_on="name", actions="u*") == ["skipped"]
        assert bench.values("code") == [("a",), ("b",)]

    def test_the_primary_key_never_changes(self, bench: Runner) -> None:
        """Update, 4: a row that would change it is rejected."""
        bench.sync([{"code": "a", "name": "old"}])
        row = {"id": bench.pk("a") + 1000, "code": "a", "name": "new"}
        assert bench.sync([row], actions="u*", skip_errors=True) == ["rejected"]
        assert bench.values("name") == [("old",)]

    # -- delete ------------------------------------------------------------------------------

    def test_forced_delete_deletes(self, bench: Runner) -> None:
        """Delete, 3 and 4: the object goes; what is gone already is unchanged."""
        bench.sync([{"code": "a"}, {"code": "b"}])
        assert bench.sync([{"code": "a"}, {"code": "x"}], actions="d*") == ["deleted", "unchanged"]
        assert bench.values("code") == [("b",)]

    def test_unforced_delete_needs_a_key(self, bench: Runner) -> None:
        """Delete, 5: without a key it is skipped, with the reason."""
        bench.sync([{"code": "a"}])
        assert bench.sync([{"code": "a"}], actions="d") == ["skipped"]
        assert bench.report.skips[0].reason
        assert bench.values("code") == [("a",)]

    def test_unforced_delete_of_the_last_key(self, bench: Runner) -> None:
        """Delete, 6 and 7: this system's key is the only one, so object and key go."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        assert bench.sync([{"code": "a", "external_key": "1"}], "A", actions="d") == ["deleted"]
        assert (bench.values("code"), bench.keys()) == ([], {})

    def test_unforced_delete_while_another_system_holds_it(self, bench: Runner) -> None:
        """Delete, 6 and 7: another key holds the object; it stays, this system's key goes."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        bench.sync([{"code": "a", "external_key": "9"}], "B")
        assert bench.sync([{"code": "a", "external_key": "1"}], "A", actions="d") == ["skipped"]
        assert (bench.values("code"), bench.keys()) == ([("a",)], {("B", "9"): bench.pk("a")})
        assert bench.sync([{"code": "a", "external_key": "9"}], "B", actions="d") == ["deleted"]

    def test_unforced_delete_by_who_holds_no_key(self, bench: Runner) -> None:
        """Delete, 6: this system's key points elsewhere, so the object stays, and the key goes."""
        bench.sync([{"code": "a", "external_key": "1"}, {"code": "b", "external_key": "2"}], "A")
        assert bench.sync([{"code": "b", "external_key": "1"}], "A", actions="d") == ["skipped"]
        assert bench.values("code") == [("a",), ("b",)]
        assert bench.keys() == {("A", "2"): bench.pk("b")}

    def test_delete_by_key_alone(self, bench: Runner) -> None:
        """Delete, 1: with an empty match_on the linked object is meant."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        assert bench.sync([{"code": "", "external_key": "1"}], "A", match_on="", actions="d") == ["deleted"]
        assert bench.values("code") == []

    def test_delete_does_not_choose_among_several(self, bench: Runner) -> None:
        """Delete, 2: several matched are skipped with a warning, forced or not."""
        bench.sync([{"code": "a", "name": "x"}, {"code": "b", "name": "x"}])
        assert bench.sync([{"name": "x"}], match_on="name", actions="d*") == ["skipped"]
        assert bench.report.warnings
        assert bench.values("code") == [("a",), ("b",)]

    def test_a_protected_object_rejects_its_delete(self, bench: Runner) -> None:
        """Errors: what breaks a constraint is rejected, and nothing of it remains."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        bench.sync([{"code": "p", "thing=>code": "a"}], table="part")
        row = {"code": "a", "external_key": "1"}
        assert bench.sync([row], "A", actions="d", skip_errors=True) == ["rejected"]
        assert (bench.values("code"), list(bench.keys())) == ([("a",)], [("A", "1")])

    # -- keys and matching -------------------------------------------------------------------

    def test_keys_have_no_white_space_around_them(self, bench: Runner) -> None:
        """Words: white space is removed; a blank key is no key."""
        bench.sync([{"code": "a", "external_key": " 1\t"}, {"code": "b", "external_key": "  "}], "A")
        assert bench.keys() == {("A", "1"): bench.pk("a")}

    def test_keys_belong_to_their_system(self, bench: Runner) -> None:
        """The same text is another key in another system; without a system there are no keys."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        bench.sync([{"code": "b", "external_key": "1"}], "B")
        bench.sync([{"code": "c", "external_key": "1"}])
        assert bench.keys() == {("A", "1"): bench.pk("a"), ("B", "1"): bench.pk("b")}

    def test_keys_belong_to_their_table(self, bench: Runner) -> None:
        """The same text is another key of another table."""
        bench.sync([{"code": "a", "external_key": "1"}], "A")
        bench.sync([{"code": "o", "external_key": "1"}], "A", table="owner")
        assert list(bench.keys()) == list(bench.keys("owner")) == [("A", "1")]
        assert bench.sync([{"external_key": "1"}], "A", match_on="", actions="d", table="owner") == [
            "deleted"
        ]
        assert bench.values("code") == [("a",)]

    def test_null_matches_nothing(self, bench: Runner) -> None:
        """Trap "Matching": NULL in a match value never matches NULL."""
        bench.sync([{"code": "a", "size": None}])
        assert bench.sync([{"code": "b", "size": None}], match_on="size") == ["created"]
        assert bench.values("code") == [("a",), ("b",)]

    def test_no_match_and_no_key_is_rejected(self, bench: Runner) -> None:
        """Before anything else: nothing says which object is meant."""
        rows = [{"code": "a", "external_key": "1"}, {"code": "b", "external_key": ""}]
        assert bench.sync(rows, "A", match_on="", skip_errors=True) == ["created", "rejected"]
        assert bench.values("code") == [("a",)]

    def test_all_names_of_a_match_are_wanted(self, bench: Runner) -> None:
        """Names without operators are ANDed."""
        bench.sync([{"code": "a", "name": "x", "size": 1}, {"code": "b", "name": "x", "size": 2}])
        assert bench.sync([{"name": "x", "size": 2}], match_on="name size", actions="d*") == ["deleted"]
        assert bench.values("code") == [("a",)]

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


class Runner:
    """Runs rows into a bench with the engine, and looks at what is there beside the padding."""

    def __init__(self, contract: TargetContract, bench: Bench, padding: int) -> None:
        self.labels = contract.labels
        self.bench = bench
        self.padding = padding
        self.report = Report()

    def sync(
        self,
        rows: Rows,
        system: str | None = None,
        *,
        table: str = "thing",
        match_on: str = "code",
        actions: str = "cu",
        only: bool = False,
        broken: bool = False,
        **plan: Any,
    ) -> list[str]:
        """Run rows into a table; the outcome of each. `broken` lets the run fail after them."""
        padding = [] if only else [_pad(rows[0], f"pad {match_on} {i}") for i in range(self.padding)]
        given = [*padding, *rows]
        source = IterableSource(given, model=self.labels[table], system=system)
        mapping = ColumnMapping(
            match_on=Match.parse(match_on), actions=Action.parse(actions), has_system=system is not None
        )
        watched = _Watched(self.bench.target)
        observers: list[Observer] = [watched.note, _fail] if broken else [watched.note]
        self.report = run(
            source,
            watched,
            MemoryJournal(),
            mapping=lambda batch: mapping,
            options=RunOptions(**plan),
            observers=observers,
        )
        if self.report.status is not Status.STOPPED:
            assert self.report.total == len(given), "every record has exactly one outcome"
            assert watched.tally.counts() == self.report.counts
        return [Outcome(code).label if code else "" for code in watched.tally.outcomes[len(padding) :]]

    def values(self, *columns: str, table: str = "thing") -> list[Any]:
        """These columns of a table's rows, as tuples, in the order of the codes."""
        found = [
            row for row in self.bench.rows(self.labels[table]) if not str(row["code"]).startswith("pad ")
        ]
        return [tuple(row[c] for c in columns) for row in sorted(found, key=lambda row: str(row["code"]))]

    def pk(self, code: str, table: str = "thing") -> Any:
        """The primary key of the object with a code."""
        (found,) = (row["id"] for row in self.bench.rows(self.labels[table]) if row["code"] == code)
        return found

    def keys(self, table: str = "thing") -> dict[tuple[str, str], Any]:
        """(system, key) -> primary key."""
        found = self.bench.keys(self.labels[table])
        return {each: pk for each, pk in found.items() if not each[1].startswith("pad ")}


class _Watched:
    """A target that is watched: what became of each record, besides the counts of the report."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.tally = Tally()

    def apply(self, group: Group) -> Applied:
        applied = self.target.apply(group)
        self.tally.merge(group.numbers, applied.outcomes)
        return applied

    def note(self, event: Event) -> None:
        """Records that never came to the target, or were given up by the engine."""
        if isinstance(event, RowsRejected):
            for rejection in event.rejections:
                self.tally.set(rejection.number, Outcome.REJECTED)

    def saw(self, batch: Batch, keys: Sequence[str | None]) -> None:
        self.target.saw(batch, keys)

    def settle(self) -> Iterator[Settled]:
        return self.target.settle()

    def finish(self) -> int:
        return self.target.finish()

    def atomic(self) -> AbstractContextManager[object]:
        return self.target.atomic()


def _fail(event: Event) -> None:
    if isinstance(event, BatchApplied):
        raise ZeroDivisionError


def _pad(row: Mapping[str, object], text: str) -> dict[str, object]:
    """A row with the columns of another that touches nothing which that one does."""
    texts = dict.fromkeys(("code", "name", "external_key"), text)
    kept = ("thing=>code", "action_flags")
    return {name: texts.get(name, row[name] if name in kept else None) for name in row}
