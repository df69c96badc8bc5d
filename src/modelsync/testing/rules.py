"""What a target must do with one object: create, update, delete, and find it by keys and matches."""

from __future__ import annotations

from modelsync.core.planning import Conflict
from modelsync.testing.bench import Runner, Tested


class ObjectRules(Tested):
    """The rules for one object."""

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
