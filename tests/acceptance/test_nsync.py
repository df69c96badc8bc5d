"""What django-nsync documents, through its two commands: files that worked there work here."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from modelsync.core.records import Action, Record
from modelsync.models import ExternalKeyMapping, ExternalSystem
from modelsync.policies import BasicSyncPolicy, Pass
from tests.shop.models import Builder, House, Passport, Person, Portrait

pytestmark = [pytest.mark.django_db, pytest.mark.database]

Rows = Sequence[Sequence[object]]
Save = Callable[[str, str, Rows], Path]


class DeletesFirst(BasicSyncPolicy):
    """The first example of a policy that django-nsync's documentation thinks of."""

    passes = (Action.DELETE, Action.CREATE | Action.UPDATE)


def is_urgent(record: Record) -> bool:
    """A row that has to go in before all others."""
    return str(record.fields.get("country", "")) == "URGENT"


class UrgentFirst(BasicSyncPolicy):
    """The second one: search certain actions and execute them before all others."""

    passes = (Pass(where=is_urgent), Pass())


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Write a CSV file and return its path."""

    def write(name: str, header: str, rows: Rows) -> Path:
        path = tmp_path / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header.split(","), *rows])
        return path

    return write


def run(command: str, *arguments: object, **options: Any) -> str:
    """The command's output."""
    out = StringIO()
    call_command(command, *map(str, arguments), stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def people(path: Path, *arguments: object, system: str = "HR", **options: Any) -> str:
    """Bring a file into Person."""
    return run("syncfile", system, "shop", "Person", path, *arguments, **options)


def person(employee_id: str, first: str = "", last: str = "", **fields: Any) -> Person:
    """A person in the database."""
    return Person.objects.create(employee_id=employee_id, first_name=first, last_name=last, **fields)


def keys() -> set[tuple[str, str, str]]:
    """All mappings: (system, key, the object's text)."""
    found = ExternalKeyMapping.objects.select_related("external_system")
    return {(each.external_system.name, each.external_key, str(each.content_object)) for each in found}


def point(system: str, key: str, obj: Any) -> None:
    """Make a mapping by hand."""
    ExternalKeyMapping.objects.create(
        external_system=ExternalSystem.objects.get_or_create(name=system)[0],
        external_key=key,
        content_object=obj,
    )


class TestActionFlags:
    """The table of action flags."""

    @pytest.mark.parametrize(
        ("flags", "absent", "present", "blank"),
        [
            ("c", "New", "Old", ""),
            ("C", "New", "Old", ""),
            ("c*", "New", "Old", ""),
            ("u", None, "Old", "New"),
            ("U", None, "Old", "New"),
            ("u*", None, "New", "New"),
            ("cu", "New", "Old", "New"),
            ("uc", "New", "Old", "New"),
            ("CU", "New", "Old", "New"),
            ("cu*", "New", "New", "New"),
            ("*cu", "New", "New", "New"),
            ("d*", None, None, None),
            ("D*", None, None, None),
            ("d", None, "Old", ""),
            ("", None, "Old", ""),
        ],
    )
    def test_each_flag_does_what_the_table_says(self, save, flags, absent, present, blank) -> None:
        """For an object that is not there, one that is, and one whose field is empty."""
        person("E2", "Old")
        person("E3", "")
        path = save(
            "p.csv",
            "action_flags,match_on,employee_id,first_name",
            [[flags, "employee_id", name, "New"] for name in ("E1", "E2", "E3")],
        )
        people(path)
        found = dict(Person.objects.values_list("employee_id", "first_name"))
        assert [found.get(name) for name in ("E1", "E2", "E3")] == [absent, present, blank]

    @pytest.mark.parametrize("flags", ["cd", "ud", "cud", "cd*", "x"])
    def test_what_is_not_allowed_is_refused_with_a_reason(self, save, flags) -> None:
        """A row that asks for a delete and for something else is refused, and nothing is written."""
        path = save(
            "p.csv",
            "action_flags,match_on,employee_id,first_name",
            [["c", "employee_id", "E1", "A"], [flags, "employee_id", "E2", "B"]],
        )
        out = StringIO()
        with pytest.raises(CommandError, match="1 row was refused, so nothing was written"):
            call_command("syncfile", "HR", "shop", "Person", str(path), stdout=out)
        assert f"{path}:3: action_flags = {flags!r}: " in out.getvalue()
        assert not Person.objects.exists()

    def test_no_flag_is_a_skip_with_a_warning(self, save) -> None:
        """It was pointless there, too; here somebody is told."""
        path = save("p.csv", "action_flags,match_on,employee_id", [["", "employee_id", "E1"]])
        shown = people(path)
        assert f"{path}:2: it has no action flag; write c, u or d" in shown
        assert not Person.objects.exists()

    def test_create_overrides_defaults(self, save) -> None:
        """Creates are always forced: a default is no reason to keep a field."""
        path = save(
            "p.csv", "action_flags,match_on,employee_id,hair_colour", [["c", "employee_id", "E1", "Red"]]
        )
        people(path)
        assert Person.objects.get().hair_colour == "Red"

    def test_unforced_update_keeps_a_default(self, save) -> None:
        """`Unknown` is a value like any other."""
        person("E1")
        path = save(
            "p.csv", "action_flags,match_on,employee_id,hair_colour", [["u", "employee_id", "E1", "Red"]]
        )
        people(path)
        assert Person.objects.get().hair_colour == "Unknown"

    def test_unforced_update_fills_null(self, save) -> None:
        """NULL is as empty as ''; 0 is not."""
        person("E1", age=None)
        person("E2", age=0)
        path = save(
            "p.csv",
            "action_flags,match_on,employee_id,age",
            [["u", "employee_id", "E1", "5"], ["u", "employee_id", "E2", "5"]],
        )
        people(path)
        assert dict(Person.objects.values_list("employee_id", "age")) == {"E1": 5, "E2": 0}


class TestMatching:
    """Which object a row is about."""

    def test_names_are_anded(self, save) -> None:
        """The documented example of the Michaels and Martins."""
        rows = [
            ["cu*", "first_name last_name", first, last, age]
            for first, last, age in (
                ("Michael", "Martin", 30),
                ("Martin", "Martin", 40),
                ("Michael", "Michael", 50),
                ("Martin", "Michael", 60),
            )
        ]
        person("", "Martin", "Martin", age=1)
        path = save("p.csv", "action_flags,match_on,first_name,last_name,age", rows)
        people(path)
        found = set(Person.objects.values_list("first_name", "last_name", "age"))
        assert found == {(first, last, age) for _, _, first, last, age in rows}

    @pytest.mark.parametrize(
        ("expression", "hit"),
        [
            ("employee_id", {"E1"}),
            ("employee_id first_name", set()),
            ("employee_id first_name &", set()),
            ("last_name first_name &", {"E2"}),
            ("employee_id first_name ~ &", {"E1"}),
            ("first_name last_name & employee_id |", None),
            ("employee_id age |", {"E1"}),
            ("first_name ~", {"E1"}),
        ],
    )
    def test_expressions_in_postfix_order(self, save, expression, hit) -> None:
        """`|`, `&` and `~` come after their operands. Two objects that answer are a skip with a warning."""
        person("E1", "Ann", "One")
        person("E2", "Bob", "Two")
        path = save(
            "p.csv",
            "action_flags,match_on,employee_id,first_name,last_name,age,hair_colour",
            [["u*", expression, "E1", "Bob", "Two", "99", "Hit"]],
        )
        shown = people(path)
        if hit is None:
            assert "several objects match; nothing was done" in shown
        # The update changes employee_id, too: the colour tells which one it was, the id that it was done.
        changed = Person.objects.filter(hair_colour="Hit")
        assert changed.count() == len(hit or ())
        untouched = set(Person.objects.exclude(hair_colour="Hit").values_list("employee_id", flat=True))
        assert untouched == {"E1", "E2"} - (hit or set())

    @pytest.mark.parametrize("expression", ["name", "employee_id name", "employee_id |", "first_name &"])
    def test_what_cannot_be_evaluated_is_refused(self, save, expression) -> None:
        """Every name is a column of the row, and operators have their operands."""
        path = save("p.csv", "action_flags,match_on,employee_id,first_name", [["cu", expression, "E1", "A"]])
        out = StringIO()
        with pytest.raises(CommandError):
            call_command("syncfile", "HR", "shop", "Person", str(path), stdout=out)
        assert "match_on" in out.getvalue()
        assert not Person.objects.exists()

    @pytest.mark.parametrize("flags", ["c", "u*", "cu*", "d*"])
    def test_several_answers_are_a_skip_with_a_warning(self, save, flags) -> None:
        """It always acts on a single object: with two, nothing is done."""
        person("E1", "Ann", "Same")
        person("E2", "Bob", "Same")
        path = save("p.csv", "action_flags,match_on,last_name,age", [[flags, "last_name", "Same", "7"]])
        assert "several objects match; nothing was done" in people(path)
        assert set(Person.objects.values_list("age", flat=True)) == {None}
        assert Person.objects.count() == 2


class TestExternalKeys:
    """External systems and their keys."""

    HEADER = "external_key,action_flags,match_on,first_name,last_name,employee_id"
    ROWS = (
        ("12212281", "cu", "employee_id", "Andrew", "Dodd", "EMP1111"),
        ("43719289", "d*", "employee_id", "Some", "Other-Guy", "EMP2222"),
        ("99999999", "cu", "employee_id", "Captain", "Planet", "EMP3333"),
        ("11235813", "u*", "employee_id", "C.", "Batman", "EMP1234"),
    )

    def test_the_basic_example(self, save) -> None:
        """Created, deleted and updated, without any key: the system is made, no mapping is."""
        person("EMP2222", "Some", "Other-Guy")
        person("EMP1234", "Bat", "Man")
        person("EMP3333", "", "Kept")
        header = self.HEADER.partition(",")[2]
        people(save("p.csv", header, [row[1:] for row in self.ROWS]), system="TestSystem")
        assert set(Person.objects.values_list("employee_id", "first_name", "last_name")) == {
            ("EMP1111", "Andrew", "Dodd"),
            ("EMP3333", "Captain", "Kept"),
            ("EMP1234", "C.", "Batman"),
        }
        assert ExternalSystem.objects.get().name == "TestSystem"
        assert not ExternalKeyMapping.objects.exists()

    def test_the_example_with_keys(self, save) -> None:
        """Each object that is left has its key; the deleted one's is gone."""
        point("TestSystem", "43719289", person("EMP2222"))
        person("EMP1234", "Bat", "Man")
        people(save("p.csv", self.HEADER, self.ROWS), system="TestSystem")
        assert keys() == {
            ("TestSystem", "12212281", "Andrew Dodd"),
            ("TestSystem", "99999999", "Captain Planet"),
            ("TestSystem", "11235813", "C. Batman"),
        }

    def test_a_second_run_changes_nothing(self, save) -> None:
        """The same file again is a no-op."""
        path = save("p.csv", self.HEADER, self.ROWS)
        people(path)
        before = (list(Person.objects.order_by("pk").values()), keys())
        shown = people(path)
        assert (list(Person.objects.order_by("pk").values()), keys()) == before
        assert "unchanged   3" in shown

    def test_a_create_adopts_what_it_matches(self, save) -> None:
        """Nothing changes but the key mapping."""
        person("E1", "Old", "Name")
        people(save("p.csv", self.HEADER, [("K1", "c", "employee_id", "New", "New", "E1")]), system="A")
        assert keys() == {("A", "K1", "Old Name")}

    def test_the_key_wins_over_the_match(self, save) -> None:
        """An employee becomes a contractor: the same object gets the new number."""
        people(save("1.csv", self.HEADER, [("10123", "cu*", "employee_id", "Andrew", "Dodd", "EMP001")]))
        first = Person.objects.get()
        people(save("2.csv", self.HEADER, [("10123", "cu*", "employee_id", "Andrew", "Dodd", "CONT999")]))
        assert Person.objects.get().pk == first.pk
        assert Person.objects.get().employee_id == "CONT999"

    def test_another_object_with_the_new_value_is_deleted(self, save) -> None:
        """As documented there; `--on-conflict reject` refuses the row instead."""
        people(save("1.csv", self.HEADER, [("10123", "cu*", "employee_id", "Andrew", "Dodd", "EMP001")]))
        first, other = Person.objects.get(), person("CONT999", "In", "The way")
        path = save("2.csv", self.HEADER, [("10123", "cu*", "employee_id", "Andrew", "Dodd", "CONT999")])
        with pytest.raises(CommandError, match="1 row was refused"):
            people(path, "--on-conflict", "reject")
        assert set(Person.objects.values_list("pk", flat=True)) == {first.pk, other.pk}
        people(path)
        assert Person.objects.get().pk == first.pk

    def test_two_systems_name_the_same_objects(self, save) -> None:
        """The example of the houses: as built, and renovated."""
        built = save(
            "AsBuiltDB_shop_House.csv",
            "external_key,action_flags,match_on,address,country,floors",
            [
                (111, "cu", "address", "221B Baker Street", "England", 1),
                (222, "cu", "address", "Wayne Manor", "Gotham City", 2),
            ],
        )
        renovated = save(
            "RenovationsDB_shop_House.csv",
            "external_key,action_flags,match_on,address,floors",
            [
                ("ABC123", "u*", "address", "221B Baker Street", 2),
                ("ABC456", "u*", "address", "Wayne Manor", 4),
                ("FOX123", "u*", "address", "742 Evergreen Terrace", 2),
            ],
        )
        run("syncfiles", built, renovated)
        houses = {("221B Baker Street", "England", 2), ("Wayne Manor", "Gotham City", 4)}
        assert set(House.objects.values_list("address", "country", "floors")) == houses
        assert keys() == {
            ("AsBuiltDB", "111", "221B Baker Street"),
            ("AsBuiltDB", "222", "Wayne Manor"),
            ("RenovationsDB", "ABC123", "221B Baker Street"),
            ("RenovationsDB", "ABC456", "Wayne Manor"),
        }
        House.objects.create(address="742 Evergreen Terrace")
        run("syncfiles", built, renovated)
        assert House.objects.get(address="742 Evergreen Terrace").floors == 2
        assert ("RenovationsDB", "FOX123", "742 Evergreen Terrace") in keys()

    def test_two_systems_come_to_rest(self, save) -> None:
        """Trap: two sources that disagree must not flap. Running both again is a fixed point."""
        header = "external_key,action_flags,match_on,address,floors"
        files = [
            save("A_shop_House.csv", header, [("1", "cu", "address", "X", 1)]),
            save("B_shop_House.csv", header, [("2", "cu*", "address", "X", 2)]),
        ]
        run("syncfiles", *files)
        before = (list(House.objects.values()), keys())
        run("syncfiles", *files)
        assert (list(House.objects.values()), keys()) == before

    def test_a_system_that_may_not_be_made(self, save) -> None:
        """`--no-create_external_system`: it has to be there already."""
        path = save("p.csv", self.HEADER, self.ROWS)
        for switch in (["--no-create_external_system"], ["--create_external_system", "False"]):
            with pytest.raises(CommandError, match="there is no external system 'HR'") as caught:
                people(path, *switch)
            assert caught.value.returncode == 2
        assert not ExternalSystem.objects.exists()
        assert not Person.objects.exists()
        ExternalSystem.objects.create(name="HR")
        people(path, "--no-create_external_system")
        assert Person.objects.count() == 2


class TestDeletes:
    """Forced and unforced deletes."""

    HEADER = "external_key,action_flags,match_on,employee_id"

    def delete(self, save: Save, flags: str, key: str = "K1") -> str:
        return people(save("d.csv", self.HEADER, [(key, flags, "employee_id", "E1")]))

    def test_unforced_with_the_last_key(self, save) -> None:
        """The mapping exists, points there, and is the only one: the object goes."""
        point("HR", "K1", person("E1"))
        self.delete(save, "d")
        assert not Person.objects.exists()
        assert not ExternalKeyMapping.objects.exists()

    def test_unforced_while_another_system_holds_it(self, save) -> None:
        """The object stays until no system wants it; this system's mapping goes."""
        obj = person("E1")
        point("HR", "K1", obj)
        point("ERP", "9", obj)
        assert "kept: other external keys still hold the object" in self.delete(save, "d")
        assert Person.objects.exists()
        assert {system for system, _, _ in keys()} == {"ERP"}

    def test_unforced_without_a_mapping(self, save) -> None:
        """A system that never knew the object cannot remove it."""
        person("E1")
        assert "kept: this system holds no key on the object" in self.delete(save, "d")
        assert Person.objects.exists()

    def test_unforced_with_a_key_that_points_elsewhere(self, save) -> None:
        """The mapping must point to the object that is matched."""
        person("E1")
        point("HR", "K1", person("E2"))
        self.delete(save, "d")
        assert Person.objects.count() == 2
        assert not ExternalKeyMapping.objects.exists()

    def test_unforced_without_a_key(self, save) -> None:
        """It can do nothing, and says that d* could."""
        point("HR", "K1", person("E1"))
        assert "an unforced delete needs an external key; use d*" in self.delete(save, "d", key="")
        assert Person.objects.exists()
        assert ExternalKeyMapping.objects.exists()

    @pytest.mark.parametrize("key", ["K1", ""])
    def test_forced(self, save, key) -> None:
        """Whoever holds it, it goes; systems can fight over an object like that."""
        obj = person("E1")
        point("ERP", "9", obj)
        self.delete(save, "d*", key)
        assert not Person.objects.exists()

    def test_of_what_is_not_there(self, save) -> None:
        """It is gone already; the mapping that pointed to it goes, too."""
        obj = person("E1")
        point("HR", "K1", obj)
        Person.objects.all().delete()
        assert "unchanged   1" in self.delete(save, "d*")
        assert not ExternalKeyMapping.objects.exists()


class TestReferences:
    """`field=>lookup`."""

    def test_the_example(self, save) -> None:
        """Owners by their first names."""
        owners = save(
            "Examples_shop_Person.csv",
            "external_key,action_flags,match_on,first_name,last_name,employee_id",
            [
                (1111, "cu*", "employee_id", "Homer", "Simpson", "EMP1"),
                (2222, "cu*", "employee_id", "Bruce", "Wayne", "EMP2"),
                (3333, "cu*", "employee_id", "John", "Wayne", "EMP3"),
            ],
        )
        houses = save(
            "Examples_shop_House.csv",
            "external_key,action_flags,match_on,address,owner=>first_name",
            [
                ("ABC456", "cu*", "address", "Wayne Manor", "Bruce"),
                ("FOX123", "cu*", "address", "742 Evergreen Terrace", "Homer"),
            ],
        )
        # The houses come first: their owners are found before the run ends.
        run("syncfiles", houses, owners)
        found = set(House.objects.values_list("address", "owner__employee_id"))
        assert found == {("Wayne Manor", "EMP2"), ("742 Evergreen Terrace", "EMP1")}

    def test_several_lookups_are_anded(self, save) -> None:
        """Two Homers and two Bruces: the last name tells them apart. The first alone finds nobody."""
        for first, last in (
            ("Homer", "Simpson"),
            ("Homer", "The Greek"),
            ("Bruce", "Wayne"),
            ("Bruce", "Lee"),
        ):
            person("", first, last)
        header = "action_flags,match_on,address,owner=>first_name"
        shown = run(
            "syncfile", "X", "shop", "House", save("1.csv", header, [("cu*", "address", "A", "Homer")])
        )
        assert House.objects.get().owner is None
        assert "owner=>first_name" in shown
        path = save("2.csv", header + ",owner=>last_name", [("cu*", "address", "A", "Homer", "Simpson")])
        run("syncfile", "X", "shop", "House", path)
        assert str(House.objects.get().owner) == "Homer Simpson"

    def test_nobody_answers(self, save) -> None:
        """The reference is left alone, with a warning; the rest of the row is written."""
        path = save(
            "1.csv", "action_flags,match_on,address,owner=>first_name", [("cu*", "address", "A", "Nobody")]
        )
        shown = run("syncfile", "X", "shop", "House", path)
        assert House.objects.get().owner is None
        assert "warnings (1):" in shown
        assert f"{path}:2: owner=>first_name: " in shown

    def test_blank_lookups_leave_the_reference_alone(self, save) -> None:
        """Even a forced update: there is no value to set."""
        House.objects.create(address="A", owner=person("E1", "Ann"))
        path = save("1.csv", "action_flags,match_on,address,owner=>first_name", [("u*", "address", "A", "")])
        run("syncfile", "X", "shop", "House", path)
        assert str(House.objects.get().owner).startswith("Ann")

    @pytest.mark.parametrize(("flags", "owner"), [("u", "Ann"), ("u*", "Bob")])
    def test_force_decides_about_a_reference_that_is_set(self, save, flags, owner) -> None:
        """Like any other value."""
        House.objects.create(address="A", owner=person("E1", "Ann"))
        person("E2", "Bob")
        path = save(
            "1.csv", "action_flags,match_on,address,owner=>first_name", [(flags, "address", "A", "Bob")]
        )
        run("syncfile", "X", "shop", "House", path)
        assert House.objects.get().owner.first_name == owner

    def test_reverse(self, save) -> None:
        """`houses=>address` points the house at the person."""
        House.objects.create(address="Wayne Manor")
        path = save(
            "1.csv",
            "action_flags,match_on,employee_id,houses=>address",
            [("cu*", "employee_id", "E1", "Wayne Manor")],
        )
        people(path)
        assert House.objects.get().owner.employee_id == "E1"

    def test_one_to_one_from_both_sides(self, save) -> None:
        """From the passport to its holder, and from the holder to the passport."""
        ann, bob = person("E1", "Ann"), person("E2", "Bob")
        path = save(
            "1.csv", "action_flags,match_on,number,person=>employee_id", [("cu*", "number", "P1", "E1")]
        )
        run("syncfile", "X", "shop", "Passport", path)
        assert Passport.objects.get().person == ann
        people(
            save(
                "2.csv",
                "action_flags,match_on,employee_id,passport=>number",
                [("u*", "employee_id", "E2", "P1")],
            )
        )
        assert Passport.objects.get().person == bob

    @pytest.mark.parametrize(("operator", "left"), [("+", {"A", "B", "C"}), ("-", {"A"}), ("=", {"C"})])
    def test_many_to_many(self, save, operator, left) -> None:
        """`=>+` adds, `=>-` removes, `=>=` replaces."""
        houses = {name: House.objects.create(address=name) for name in "ABC"}
        builder = Builder.objects.create(employee_id="B1")
        builder.buildings.set([houses["A"], houses["B"]])
        given = "B" if operator == "-" else "C"
        path = save(
            "1.csv",
            f"action_flags,match_on,employee_id,buildings=>{operator}address",
            [("u*", "employee_id", "B1", given)],
        )
        run("syncfile", "X", "shop", "Builder", path)
        assert {house.address for house in builder.buildings.all()} == left

    @pytest.mark.parametrize(("operator", "left"), [("+", {"C"}), ("-", set()), ("=", {"C"})])
    def test_many_to_many_unforced(self, save, operator, left) -> None:
        """Unforced, an empty relation is filled; `-` does nothing; one that holds something is kept."""
        House.objects.create(address="C")
        empty, full = (Builder.objects.create(employee_id=name) for name in ("B1", "B2"))
        full.buildings.add(House.objects.create(address="A"))
        path = save(
            "1.csv",
            f"action_flags,match_on,employee_id,buildings=>{operator}address",
            [("u", "employee_id", "B1", "C"), ("u", "employee_id", "B2", "C")],
        )
        run("syncfile", "X", "shop", "Builder", path)
        assert {house.address for house in empty.buildings.all()} == left
        assert {house.address for house in full.buildings.all()} == {"A"}


class TestColumns:
    """Columns that are no fields."""

    def test_the_photo_example(self, save, tmp_path) -> None:
        """A property with a setter does what a column cannot."""
        photo = tmp_path / "ugly_headshot.jpg"
        photo.write_bytes(b"not really a picture")
        path = save(
            "1.csv",
            "action_flags,match_on,employee_id,name,photo_filename",
            [("cu*", "employee_id", "EMP1111", "Andrew Dodd", photo)],
        )
        run("syncfile", "X", "shop", "Portrait", path)
        saved = Portrait.objects.get().photo
        assert saved.name.startswith("portraits/ugly_headshot")
        assert Path(saved.path).read_bytes() == b"not really a picture"

    def test_an_unknown_column_is_ignored_with_a_warning(self, save) -> None:
        """One warning for the column, with the nearest name, however many rows there are."""
        path = save(
            "1.csv",
            "action_flags,match_on,employee_id,frist_name",
            [("cu", "employee_id", f"E{n}", "A") for n in range(3)],
        )
        shown = people(path)
        assert (
            shown.count("frist_name: shop.Person has no field 'frist_name' (did you mean 'first_name'?)") == 1
        )
        assert Person.objects.count() == 3

    def test_strict_refuses_an_unknown_column(self, save) -> None:
        """Before anything is read; nothing is written."""
        path = save(
            "1.csv", "action_flags,match_on,employee_id,frist_name", [("cu", "employee_id", "E1", "A")]
        )
        with pytest.raises(CommandError, match="did you mean 'first_name'") as caught:
            people(path, "--strict")
        assert caught.value.returncode == 2
        assert not Person.objects.exists()

    @pytest.mark.parametrize(
        ("header", "row"),
        [
            ("action_flags,match_on,employee_id", ("", "employee_id", "E1")),
            ("action_flags,match_on,employee_id,houses=>address", ("cu", "employee_id", "E1", "Nowhere")),
        ],
    )
    def test_strict_makes_warnings_rejections(self, save, header, row) -> None:
        """A missing flag and a reference that finds nothing refuse their rows."""
        path = save("1.csv", header, [row])
        people(path, "--dry-run")
        with pytest.raises(CommandError, match="1 row was refused"):
            people(path, "--strict")
        assert not Person.objects.exists()


class TestOrder:
    """Smart ordering and policies."""

    HEADER = "action_flags,match_on,address,country"

    def files(self, save: Save) -> list[Path]:
        """One file deletes what the next one creates."""
        return [
            save("A_shop_House.csv", self.HEADER, [("d*", "address", "X", "")]),
            save(
                "B_shop_House.csv", self.HEADER, [("u*", "address", "X", "New"), ("c", "address", "X", "Old")]
            ),
        ]

    def test_smart_ordering_makes_the_order_of_files_irrelevant(self, save) -> None:
        """Creates, updates, deletes over all files: in the end the house is gone."""
        files = self.files(save)
        for order in (files, files[::-1]):
            run("syncfiles", *order)
            assert not House.objects.exists()

    @pytest.mark.parametrize("switch", [["--no-smart_ordering"], ["--smart_ordering", "False"]])
    def test_without_it_rows_go_in_their_order(self, save, switch) -> None:
        """The delete comes before the create, and the update before there is anything to update."""
        run("syncfiles", *self.files(save), *switch)
        assert House.objects.get().country == "Old"

    def test_ordered_updates_come_after_creates(self, save) -> None:
        """The update of a later row's object is done."""
        run("syncfiles", self.files(save)[1])
        assert House.objects.get().country == "New"

    def test_deletes_first(self, save) -> None:
        """A policy of one's own, by its path: the delete does not reach what is created in the run."""
        House.objects.create(address="X", country="Old one")
        path = save(
            "A_shop_House.csv", self.HEADER, [("c", "address", "X", "New one"), ("d*", "address", "X", "")]
        )
        run("syncfiles", path, "--policy", "tests.acceptance.test_nsync.DeletesFirst")
        assert House.objects.get().country == "New one"

    def test_certain_actions_before_all_others(self, save) -> None:
        """A pass that takes only some rows, then one for the rest."""
        path = save(
            "1.csv", self.HEADER, [("cu*", "address", "X", "Normal"), ("cu*", "address", "X", "URGENT")]
        )
        run("syncfile", "S", "shop", "House", path)
        assert House.objects.get().country == "URGENT"
        House.objects.all().delete()
        run("syncfile", "S", "shop", "House", path, "--policy", "tests.acceptance.test_nsync.UrgentFirst")
        assert House.objects.get().country == "Normal"

    def test_a_policy_that_is_not_there(self, save) -> None:
        """The error says what to give."""
        with pytest.raises(CommandError, match=r"there is no policy 'shop\.Nothing'") as caught:
            run("syncfiles", self.files(save)[0], "--policy", "shop.Nothing")
        assert caught.value.returncode == 2


class TestTransactions:
    """One transaction, or not."""

    def bad(self, save: Save) -> Path:
        """One good row and one that is refused."""
        return save(
            "HR_shop_Person.csv",
            "action_flags,match_on,employee_id,age",
            [("c", "employee_id", "E1", "1"), ("c", "employee_id", "E2", "many")],
        )

    @pytest.mark.parametrize("switch", [[], ["--as_transaction"], ["--as_transaction", "True"]])
    def test_by_default_all_or_nothing(self, save, switch) -> None:
        """A refused row undoes the run."""
        with pytest.raises(CommandError, match="1 row was refused, so nothing was written"):
            people(self.bad(save), *switch)
        assert not Person.objects.exists()

    @pytest.mark.parametrize(
        "switch", [["--no-as_transaction"], ["--as_transaction", "False"], ["--as_transaction=false"]]
    )
    @pytest.mark.parametrize("command", ["syncfile", "syncfiles"])
    def test_without_a_transaction_the_good_rows_stay(self, save, switch, command) -> None:
        """The switch also takes a value, as it did there."""
        start = ["HR", "shop", "Person"] if command == "syncfile" else []
        with pytest.raises(CommandError, match="1 row was refused; the others were written"):
            run(command, *start, self.bad(save), *switch)
        assert Person.objects.get().employee_id == "E1"


class TestFileNames:
    """What a file's name says to syncfiles."""

    def test_what_stands_after_the_model_is_free(self, save) -> None:
        """System_app_Model, then anything."""
        row = [("c", "address", "X")]
        run("syncfiles", save("ERP_shop_House_2024-05-01.csv", "action_flags,match_on,address", row))
        assert House.objects.exists()
        assert ExternalSystem.objects.get().name == "ERP"

    def test_another_rule(self, save) -> None:
        """--file_name_regex says with named groups where the three are."""
        path = save("house.shop-ERP.csv", "action_flags,match_on,address", [("c", "address", "X")])
        regex = r"(?P<model_name>\w+)\.(?P<app_name>\w+)-(?P<external_system>\w+)\.csv"
        run("syncfiles", path, "--file_name_regex", regex)
        assert House.objects.exists()
        assert ExternalSystem.objects.get().name == "ERP"

    @pytest.mark.parametrize(
        ("name", "options", "message"),
        [
            ("houses.csv", [], "does not say its system, app and model, as in ERP_shop_Product.csv"),
            ("ERP_shop_Hose.csv", [], "there is no model 'shop.Hose'; did you mean shop.House?"),
            ("x.csv", ["--file_name_regex", "(x"], "--file_name_regex is no regular expression"),
            ("x.csv", ["--file_name_regex", "x"], "--file_name_regex needs the group"),
        ],
    )
    def test_a_name_that_says_nothing(self, save, name, options, message) -> None:
        """Each fault is told before anything is read."""
        path = save(name, "action_flags,match_on,address", [("c", "address", "X")])
        with pytest.raises(CommandError) as caught:
            run("syncfiles", path, *options)
        assert message in str(caught.value)
        assert caught.value.returncode == 2
