"""Taking over the tables of an installed django-nsync."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from modelsync.adopt import adopt_nsync
from modelsync.core.errors import ConfigurationError, ConflictError
from modelsync.models import ExternalKeyMapping, ExternalSystem
from tests.shop.models import Person, Product

# As the migration of django-nsync 0.4.0 makes them.
DDL = {
    "sqlite": """
        CREATE TABLE nsync_externalsystem (id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
            name varchar(30) NOT NULL UNIQUE, description varchar(80) NOT NULL);
        CREATE TABLE nsync_externalkeymapping (id integer NOT NULL PRIMARY KEY AUTOINCREMENT,
            object_id integer unsigned NOT NULL CHECK (object_id >= 0), external_key varchar(80) NOT NULL,
            content_type_id integer NOT NULL
                REFERENCES django_content_type (id) DEFERRABLE INITIALLY DEFERRED,
            external_system_id integer NOT NULL
                REFERENCES nsync_externalsystem (id) DEFERRABLE INITIALLY DEFERRED,
            UNIQUE (external_system_id, external_key))
    """,
    "postgresql": """
        CREATE TABLE nsync_externalsystem (id serial NOT NULL PRIMARY KEY,
            name varchar(30) NOT NULL UNIQUE, description varchar(80) NOT NULL);
        CREATE TABLE nsync_externalkeymapping (id serial NOT NULL PRIMARY KEY,
            object_id integer NOT NULL CHECK (object_id >= 0), external_key varchar(80) NOT NULL,
            content_type_id integer NOT NULL
                REFERENCES django_content_type (id) DEFERRABLE INITIALLY DEFERRED,
            external_system_id integer NOT NULL
                REFERENCES nsync_externalsystem (id) DEFERRABLE INITIALLY DEFERRED,
            UNIQUE (external_system_id, external_key))
    """,
    "mysql": """
        CREATE TABLE nsync_externalsystem (id integer AUTO_INCREMENT NOT NULL PRIMARY KEY,
            name varchar(30) NOT NULL UNIQUE, description varchar(80) NOT NULL) CHARACTER SET {charset};
        CREATE TABLE nsync_externalkeymapping (id integer AUTO_INCREMENT NOT NULL PRIMARY KEY,
            object_id integer UNSIGNED NOT NULL CHECK (object_id >= 0), external_key varchar(80) NOT NULL,
            content_type_id integer NOT NULL, external_system_id integer NOT NULL,
            UNIQUE (external_system_id, external_key),
            FOREIGN KEY (content_type_id) REFERENCES django_content_type (id),
            FOREIGN KEY (external_system_id) REFERENCES nsync_externalsystem (id)) CHARACTER SET {charset}
    """,
}

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


class Nsync:
    """The tables of django-nsync in one database."""

    def __init__(self, using: str) -> None:
        self.connection = connections[using]
        self.using = using

    def create(self, charset: str = "latin1") -> None:
        self.drop()
        for statement in DDL[self.connection.vendor].format(charset=charset).split(";"):
            self.execute(statement)

    def drop(self) -> None:
        for table in ("own_table", "nsync_externalkeymapping", "nsync_externalsystem"):
            self.execute(f"DROP TABLE IF EXISTS {table}")
        MigrationRecorder(self.connection).migration_qs.filter(app="nsync").delete()

    def execute(self, statement: str, parameters: tuple[object, ...] = ()) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, parameters)

    def system(self, pk: int, name: str, description: str = "") -> None:
        self.execute("INSERT INTO nsync_externalsystem VALUES (%s, %s, %s)", (pk, name, description))

    def key(self, system: int, key: str, object_id: int, model: type = Product) -> None:
        kind = ContentType.objects.db_manager(self.using).get_for_model(model).pk
        self.execute(
            "INSERT INTO nsync_externalkeymapping"
            " (object_id, external_key, content_type_id, external_system_id) VALUES (%s, %s, %s, %s)",
            (object_id, key, kind, system),
        )

    def exists(self) -> bool:
        return "nsync_externalsystem" in self.connection.introspection.table_names()


@pytest.fixture
def nsync(transactional_db):
    tables = Nsync("default")
    tables.create()
    yield tables
    tables.drop()


@pytest.fixture
def filled(nsync: Nsync) -> Nsync:
    """Two systems: one with three keys, one with a key that the first has too."""
    nsync.system(5, "ERP", "The old one")
    nsync.system(9, "CRM")
    nsync.key(5, "K1", 1)
    nsync.key(5, "K2", 2)
    nsync.key(5, "P1", 1, Person)
    nsync.key(9, "K1", 2)
    return nsync


def ours(using: str = "default") -> set[tuple[str, str, str, str]]:
    rows = ExternalKeyMapping.objects.using(using).select_related("external_system", "content_type")
    return {(r.external_system.name, r.content_type.model, r.external_key, r.object_id) for r in rows}


ALL = {
    ("ERP", "product", "K1", "1"),
    ("ERP", "product", "K2", "2"),
    ("ERP", "person", "P1", "1"),
    ("CRM", "product", "K1", "2"),
}


def test_systems_and_keys_are_copied(filled: Nsync) -> None:
    """Every system comes with its description, every key with its object; the tables stay."""
    done = adopt_nsync("default")
    assert ours() == ALL
    assert dict(ExternalSystem.objects.values_list("name", "description")) == {
        "ERP": "The old one",
        "CRM": "",
    }
    assert (done.systems_found, done.systems_copied, done.keys_found, done.keys_copied) == (2, 2, 4, 4)
    assert filled.exists()


def test_a_second_time_copies_nothing(filled: Nsync) -> None:
    """It can be run again, and takes only what is new."""
    adopt_nsync("default")
    again = adopt_nsync("default")
    assert (again.systems_copied, again.keys_copied, again.keys_found) == (0, 0, 4)
    filled.key(9, "K7", 7)
    assert adopt_nsync("default").keys_copied == 1
    assert ours() == ALL | {("CRM", "product", "K7", "7")}


def test_a_dry_run_changes_nothing(filled: Nsync) -> None:
    """It counts as the real run would, drops nothing and leaves nothing."""
    done = adopt_nsync("default", dry_run=True, drop=True)
    assert (done.systems_copied, done.keys_copied, done.dropped) == (2, 4, False)
    assert not ExternalSystem.objects.exists()
    assert filled.exists()


def test_what_is_here_already_is_left_alone(filled: Nsync) -> None:
    """A key of ours that points elsewhere wins; a description of ours stays, an empty one is filled."""
    erp = ExternalSystem.objects.create(name="ERP", description="Mine")
    kind = ContentType.objects.get_for_model(Product)
    ExternalKeyMapping.objects.create(
        external_system=erp, content_type=kind, external_key="K1", object_id="77"
    )
    crm = ExternalSystem.objects.create(name="CRM")
    filled.execute("UPDATE nsync_externalsystem SET description = 'Customers' WHERE id = 9")
    done = adopt_nsync("default")
    assert (done.systems_copied, done.keys_copied, done.different) == (0, 3, 1)
    assert ours() == ALL - {("ERP", "product", "K1", "1")} | {("ERP", "product", "K1", "77")}
    erp.refresh_from_db()
    crm.refresh_from_db()
    assert (erp.description, crm.description) == ("Mine", "Customers")


def test_spaces_around_keys_are_removed(nsync: Nsync) -> None:
    """Our keys have none; of two keys that would be one then, the plain one wins; blank ones are none."""
    nsync.system(1, "ERP")
    nsync.key(1, "  K1", 2)
    nsync.key(1, "K1", 1)
    nsync.key(1, " K3 ", 3)
    nsync.key(1, "  ", 4)
    done = adopt_nsync("default")
    assert ours() == {("ERP", "product", "K1", "1"), ("ERP", "product", "K3", "3")}
    assert (done.keys_found, done.keys_copied, done.unusable) == (4, 2, 2)
    assert adopt_nsync("default").keys_copied == 0


@pytest.mark.parametrize("charset", ["latin1", "utf8mb4 COLLATE utf8mb4_unicode_ci"])
def test_letters_beyond_ascii_arrive(nsync: Nsync, charset: str) -> None:
    """Also from MariaDB tables with another character set or collation than ours."""
    nsync.create(charset)
    nsync.system(1, "Bücher", "Straße")
    nsync.key(1, "Größe", 1)
    assert adopt_nsync("default").keys_copied == 1
    assert ours() == {("Bücher", "product", "Größe", "1")}


def test_drop_removes_the_tables_and_their_migrations(filled: Nsync) -> None:
    """When all is copied, nothing of django-nsync is left, and a further call says so."""
    MigrationRecorder(filled.connection).record_applied("nsync", "0001_initial")
    assert adopt_nsync("default", drop=True).dropped
    assert not filled.exists()
    assert not MigrationRecorder(filled.connection).migration_qs.filter(app="nsync").exists()
    assert ours() == ALL
    with pytest.raises(ConfigurationError, match="no tables of django-nsync"):
        adopt_nsync("default")


def test_tables_that_something_refers_to_are_not_dropped(filled: Nsync) -> None:
    """The project's own foreign key to a system is in the way: it is named and nothing is done."""
    filled.execute(
        "CREATE TABLE own_table (id integer NOT NULL PRIMARY KEY, system_id integer NOT NULL, "
        "FOREIGN KEY (system_id) REFERENCES nsync_externalsystem (id))"
    )
    with pytest.raises(ConflictError, match="cannot be dropped, own_table refer"):
        adopt_nsync("default", drop=True)
    assert ours() == set()
    assert filled.exists()
    assert adopt_nsync("default").keys_copied == 4


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("modelsync_adopt", "nsync", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_what_it_did_and_what_is_left_to_do(filled: Nsync) -> None:
    """Counts first, then the changes that only a person can make."""
    filled.key(9, " ", 1)
    said = command("--dry-run", "--drop")
    assert "2 found, 2 would be copied" in said
    assert "tables of django-nsync would be dropped" in said
    said = command("--drop")
    assert "external systems: 2 found, 2 copied" in said
    assert "key mappings: 5 found, 4 copied" in said
    assert "1 left out" in said
    assert "were dropped" in said
    assert "INSTALLED_APPS" in said


def test_the_command_reports_keys_that_point_elsewhere(filled: Nsync) -> None:
    """What was kept against django-nsync's word is counted."""
    command()
    ExternalKeyMapping.objects.filter(external_key="K2").update(object_id="99")
    assert "1 point to another object" in command()


def test_the_command_without_tables_is_an_error_without_traceback(nsync: Nsync) -> None:
    """The message names tables and database, and the exit status is that of a wrong call."""
    nsync.drop()
    with pytest.raises(CommandError, match="database 'default' has no tables of django-nsync") as caught:
        command()
    assert caught.value.returncode == 2


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_another_database(nsync: Nsync) -> None:
    """`--database` reads and writes there and nowhere else."""
    other = Nsync("other")
    other.create()
    try:
        other.system(1, "ERP")
        other.key(1, "K1", 1)
        command("--database", "other")
        assert ours("other") == {("ERP", "product", "K1", "1")}
        assert ours() == set()
    finally:
        other.drop()


def test_a_database_without_our_tables(separate_database, nsync: Nsync) -> None:
    """Forgetting to migrate is named, with the command to run."""
    alias = separate_database.alias
    call_command("migrate", "modelsync", "zero", database=alias, verbosity=0)
    Nsync(alias).create()
    with pytest.raises(ConfigurationError, match=r"manage\.py migrate modelsync"):
        adopt_nsync(alias)
