"""Declared syncs: the classes in `yourapp/syncs.py`, and manage.py sync."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from modelsync import Sync, syncs
from modelsync.core.errors import ConfigurationError
from modelsync.models import ExternalKeyMapping, Run
from modelsync.policies import OrderedSyncPolicy
from modelsync.syncs import find_sync, registered
from tests.shop.models import Product, Supplier

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _registry() -> Iterator[None]:
    """What a test declares is forgotten after it."""
    registered()
    before = dict(syncs._REGISTRY)
    yield
    syncs._REGISTRY.clear()
    syncs._REGISTRY.update(before)


@pytest.fixture
def data(tmp_path: Path, settings: Any) -> Path:
    """The folder that the syncs of tests/shop/syncs.py read."""
    settings.SHOP_DATA = tmp_path
    (tmp_path / "products-1.csv").write_text("No,sku,name,price\n1,S1,One,1\n2,S2,Two,2\n")
    (tmp_path / "products-2.csv").write_text("No,sku,name,price\n3,S3,Three,3\n")
    return tmp_path


class Result:
    """What `manage.py sync` said, and its exit status."""

    def __init__(self, *arguments: object) -> None:
        out, err = StringIO(), StringIO()
        self.status, self.error = 0, ""
        try:
            call_command("sync", *map(str, arguments), stdout=out, stderr=err)
        except CommandError as error:
            self.status, self.error = error.returncode, str(error)
        self.out = out.getvalue()


def skus() -> set[str]:
    """The products that are there."""
    return set(Product.objects.values_list("sku", flat=True))


class TestDeclaring:
    """The class and its registry."""

    def test_an_apps_syncs_are_found(self) -> None:
        """`syncs.py` of every installed app is imported when somebody asks."""
        assert {"products", "suppliers"} <= set(registered())
        assert list(registered()) == sorted(registered())
        assert find_sync("suppliers").__module__ == "tests.shop.syncs"

    def test_names(self) -> None:
        """The class's name in snake case, or the one that is said; a class without a model is only a base."""

        class Base(Sync):
            system = "ERP"

        class NightlyERPStock(Base):
            model = "shop.Product"

        class Other(NightlyERPStock):
            name = "another name"

        class Third(Other):
            pass

        assert NightlyERPStock.name == "nightly_erpstock"
        assert {"nightly_erpstock", "another name", "third"} <= set(registered())
        assert "base" not in registered()
        assert Third.system == "ERP"

    def test_two_of_one_name(self) -> None:
        """The error names both classes."""
        with pytest.raises(ConfigurationError) as caught:

            class Suppliers(Sync):
                model = "shop.Supplier"

        assert "two syncs are called 'suppliers': tests.shop.syncs.Suppliers and " in str(caught.value)
        assert find_sync("suppliers").__module__ == "tests.shop.syncs"

    def test_a_module_that_is_imported_again(self) -> None:
        """The same class, made once more, takes the place of the first."""

        def declare() -> type[Sync]:
            class Twice(Sync):
                model = "shop.Product"

            return Twice

        declare()
        second = declare()
        assert find_sync("twice") is second

    def test_a_name_that_is_not_there(self) -> None:
        """The error lists the names there are."""
        with pytest.raises(ConfigurationError, match=r"there is no sync 'prodcts'; there are: .*products"):
            find_sync("prodcts")


class TestSources:
    """What `source` can be."""

    @pytest.mark.parametrize(
        "source",
        [
            [{"code": "A", "name": "Acme"}],
            ({"code": "A", "name": "Acme"},),
            lambda self: [{"code": "A", "name": "Acme"}],
            lambda self: iter([{"code": "A", "name": "Acme"}]),
        ],
        ids=["list", "tuple", "method", "iterator"],
    )
    def test_rows(self, source) -> None:
        """Mappings, or a method that returns them."""

        class Declared(Sync):
            model = Supplier
            match_on = "code"

        Declared.source = source
        report = Declared().run()
        assert (report.created, report.ok) == (1, True)
        assert Declared().run().unchanged == 1

    @pytest.mark.parametrize(
        "make", [str, Path, lambda path: lambda self: path, lambda path: lambda self: str(path)]
    )
    @pytest.mark.parametrize("name", ["products-1.csv", "products-*.csv", ""])
    def test_paths(self, data, make, name) -> None:
        """A file, a pattern or a folder, as a text or a Path, also from a method."""

        class Declared(Sync):
            model = "shop.Product"
            match_on = "sku"

        Declared.source = make(data / name if name else data)
        Declared().run()
        assert skus() == ({"S1", "S2"} if name == "products-1.csv" else {"S1", "S2", "S3"})

    def test_a_list_of_paths(self, data) -> None:
        """Several files, in the order given, as one run."""

        class Declared(Sync):
            model = "shop.Product"
            match_on = "sku"

            def source(self) -> list[Path | str]:
                return [data / "products-2.csv", str(data / "products-1.csv")]

        report = Declared().run()
        assert report.created == 3
        assert list(Product.objects.order_by("pk").values_list("sku", flat=True)) == ["S3", "S1", "S2"]
        assert Run.objects.count() == 1

    def test_without_a_source(self) -> None:
        """The error says where to set it."""

        class Nothing(Sync):
            model = "shop.Product"

        with pytest.raises(ConfigurationError, match="sync 'nothing' has no source; set `source` in "):
            Nothing().run()

    def test_an_unknown_model(self) -> None:
        """Told when it is run, with the nearest name; one bad declaration does not hide the others."""

        class Wrong(Sync):
            model = "shop.Prodct"
            source = ()

        with pytest.raises(ConfigurationError, match=r"did you mean shop\.Product"):
            Wrong().run()
        assert "wrong" in Result("--list").out


class TestOptions:
    """The class says what `modelsync.sync` takes as parameters."""

    def test_every_option_reaches_the_run(self, data) -> None:
        """Policy, key column, renamed columns, limits."""

        class Declared(Sync):
            model = "shop.Product"
            source = str(data / "products-1.csv")
            system = "ERP"
            key_column = "No"
            map = {"No": "stock"}  # noqa: RUF012  # as users write it
            match_on = ("sku", "name")
            actions = "c"
            policy = OrderedSyncPolicy
            validate = "full"
            writer = "objects"
            on_conflict = "reject"
            missing = "delete"
            max_deletes = "50%"
            skip_errors = True
            max_errors = 3
            commit_every = 1
            strict = True

        options = Declared().options()
        assert (options.policy, options.validate, options.writer) == (OrderedSyncPolicy, "full", "objects")
        assert (options.on_conflict, options.missing, options.max_deletes) == ("reject", "delete", "50%")
        assert (options.skip_errors, options.max_errors, options.commit_every) == (True, 3, 1)
        assert (options.strict, options.batch_rows) == (True, 1)
        report = Declared().run()
        assert report.writers == {"shop.Product": "objects: as asked for"}
        assert set(ExternalKeyMapping.objects.values_list("external_key", flat=True)) == {"1", "2"}
        assert set(Product.objects.values_list("stock", flat=True)) == {1, 2}

    def test_a_dry_run_from_python(self, data) -> None:
        """It lists sample changes and writes nothing."""
        report = find_sync("products")().run(dry_run=True)
        assert (report.created, len(report.changes), report.committed) == (3, 3, False)
        assert not skus()

    def test_observers(self, data) -> None:
        """They are told what happens."""
        told: list[str] = []
        find_sync("products")().run(observers=[lambda event: told.append(type(event).__name__)])
        assert told[0] == "RunStarted"
        assert told[-1] == "RunFinished"


class TestCommand:
    """manage.py sync."""

    def test_list(self) -> None:
        """Name, model, system and the first line of the docstring."""
        lines = {line.split()[0]: line for line in Result("--list").out.splitlines()}
        assert lines["products"].split(maxsplit=1)[1] == "shop.Product from ERP: The catalogue, every night."
        assert lines["suppliers"].split(maxsplit=1)[1] == "shop.Supplier: Who delivers."

    def test_a_class_without_a_docstring(self) -> None:
        """A base's docstring says nothing about the sync."""

        class Silent(Sync):
            model = "shop.Product"

        (line,) = (line for line in Result("--list").out.splitlines() if line.startswith("silent"))
        assert line.split(maxsplit=1)[1] == "shop.Product"

    def test_one_by_name(self, data) -> None:
        """With the declared options."""
        result = Result("products")
        assert result.status == 0
        assert skus() == {"S1", "S2", "S3"}
        assert not Supplier.objects.exists()

    def test_several_in_the_order_given(self, data) -> None:
        """One after the other, each with its name and its own summary."""
        result = Result("suppliers", "products")
        assert result.out.index("suppliers\n") < result.out.index("products\n")
        assert result.out.count("Done (") == 2
        assert Supplier.objects.count() == 2

    def test_all(self, data) -> None:
        """Every declared sync, by name."""
        result = Result("--all")
        assert result.out.index("products\n") < result.out.index("suppliers\n")
        assert skus() == {"S1", "S2", "S3"}

    def test_an_error_stops_the_sequence(self, data) -> None:
        """What comes after it may build on it."""
        (data / "products-2.csv").write_text("No,sku,name,price\n3,S3,Three,x\n")
        result = Result("products", "suppliers")
        assert result.status == 1
        assert result.error.startswith("1 row was refused, so nothing was written.")
        assert not Supplier.objects.exists()

    def test_what_is_said_on_the_command_line_wins(self, data) -> None:
        """--skip-errors and --dry-run, for a run by hand."""
        (data / "products-2.csv").write_text("No,sku,name,price\n3,S3,Three,x\n")
        assert Result("products", "--dry-run").error.startswith(
            "1 row was refused, so a run would write nothing"
        )
        assert not skus()
        result = Result("products", "--skip-errors", "--commit-every", "1", "--rejects", data / "r.csv")
        assert result.error == "1 row was refused; the others were written."
        assert skus() == {"S1", "S2"}
        assert (data / "r.csv").read_text().splitlines()[1].startswith("3,S3,Three,x,price,")

    def test_outputs_of_several_syncs_are_folders(self, data) -> None:
        """Each sync has a file under its name there."""
        (data / "products-2.csv").write_text("No,sku,name,price\n3,S3,Three,x\n")
        folder = data / "out"
        wrong = Result("suppliers", "products", "--diff", data / "d.csv")
        assert (wrong.status, wrong.error[:20]) == (2, "--diff takes a folde")
        Result("suppliers", "products", "--rejects", folder, "--diff", folder / "changes")
        assert [path.name for path in sorted(folder.iterdir())] == ["changes", "products.csv"]
        changes = sorted(path.name for path in (folder / "changes").iterdir())
        assert changes == ["products.csv", "suppliers.csv"]

    def test_json_has_a_line_for_each_sync(self, data) -> None:
        """So that a script can read one after the other, also when a later one fails."""
        result = Result("suppliers", "products", "--report", "json")
        reports = [json.loads(line) for line in result.out.splitlines()]
        assert [(r["sync"], r["created"]) for r in reports] == [("suppliers", 2), ("products", 3)]

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ([], "say which syncs to run, or --all; there are: "),
            (["prodcts"], "there is no sync 'prodcts'"),
            (["suppliers", "prodcts"], "there is no sync 'prodcts'"),
        ],
    )
    def test_wrong_use(self, data, arguments, message) -> None:
        """Told before the first of them runs."""
        result = Result(*arguments)
        assert result.status == 2
        assert message in result.error
        assert not Supplier.objects.exists()
