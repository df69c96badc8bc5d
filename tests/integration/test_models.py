"""The models that modelsync keeps, on every database."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from modelsync.fields import KeyField
from modelsync.models import Checkpoint, ExternalKeyMapping, ExternalSystem, Rejection, Run
from tests.shop.models import Person, Product, Uuided, Worded

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def system() -> ExternalSystem:
    return ExternalSystem.objects.create(name="ERP", description="The old one")


def key(system: ExternalSystem, target: models.Model, text: str) -> ExternalKeyMapping:
    return ExternalKeyMapping.objects.create(content_object=target, external_system=system, external_key=text)


def test_keys_differ_by_case(system: ExternalSystem) -> None:
    """Trap "Matching: case and collation": 'a' and 'A' are two keys, also where text ignores case."""
    lower, upper = Product.objects.create(sku="1"), Product.objects.create(sku="2")
    key(system, lower, "a")
    key(system, upper, "A")
    assert ExternalKeyMapping.objects.get(external_key="a").content_object == lower
    assert ExternalKeyMapping.objects.get(external_key__in=["A"]).content_object == upper


def test_object_ids_differ_by_case(system: ExternalSystem) -> None:
    """What one object is called is not found under another whose id differs by case."""
    Worded.objects.create(word="a")
    key(system, Worded(word="a"), "1")
    assert not ExternalKeyMapping.objects.filter(object_id="A").exists()
    assert ExternalKeyMapping.objects.filter(object_id="a").exists()


def test_accents_and_emoji_are_kept_apart(system: ExternalSystem) -> None:
    """Collations that ignore accents do not make two keys one."""
    for text in ("e", "é", "ß", "ss", "🐈", "🐕"):
        key(system, Product.objects.create(sku=text.encode().hex()), text)
    for text in ("e", "é", "ß", "ss", "🐈", "🐕"):
        assert ExternalKeyMapping.objects.get(external_key=text).content_object.sku == text.encode().hex()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Product.objects.create(sku="1"),
        lambda: Uuided.objects.create(id=uuid.uuid4(), name="u"),
        lambda: Worded.objects.create(word="Wörd"),
    ],
)
def test_any_primary_key_finds_its_object(system: ExternalSystem, make) -> None:
    """Trap "Matching: primary keys that are UUIDs, strings": `object_id` holds any of them."""
    target = make()
    mapping = key(system, target, "1")
    mapping = ExternalKeyMapping.objects.get(pk=mapping.pk)
    assert mapping.content_object == target


def test_one_key_text_may_name_objects_of_two_models(system: ExternalSystem) -> None:
    """A key is unique for a system and a model, not for a system."""
    key(system, Product.objects.create(sku="1"), "1")
    key(system, Person.objects.create(first_name="A", last_name="B"), "1")
    with pytest.raises(IntegrityError), transaction.atomic():
        key(system, Product.objects.create(sku="2"), "1")
    assert ExternalKeyMapping.objects.filter(external_key="1").count() == 2


def test_a_key_may_be_255_characters_long(system: ExternalSystem) -> None:
    """Keys at the limit are kept whole and are still told apart by their last character."""
    first, second = "🐈" * 254 + "a", "🐈" * 254 + "b"
    key(system, Product.objects.create(sku="1"), first)
    key(system, Product.objects.create(sku="2"), second)
    assert ExternalKeyMapping.objects.get(external_key=second).content_object.sku == "2"


def test_few_indexes() -> None:
    """Every index costs time with each new key: besides the primary key, key and object are enough."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, ExternalKeyMapping._meta.db_table)
    indexes = [c["columns"] for c in found.values() if c["index"] or c["unique"]]
    indexes = [columns for columns in indexes if columns != ["id"]]
    assert sorted(indexes) == [
        ["content_type_id", "object_id"],
        ["external_system_id", "content_type_id", "external_key"],
    ]


def test_deleting_a_system_takes_its_keys_along(system: ExternalSystem) -> None:
    """A key without a system means nothing."""
    key(system, Product.objects.create(sku="1"), "1")
    system.delete()
    assert not ExternalKeyMapping.objects.exists()


def test_the_names_of_things(system: ExternalSystem) -> None:
    """What a person reads in the admin."""
    mapping = key(system, Product.objects.create(pk=7, sku="1"), "K1")
    run = Run.objects.create(name="products", started_at=timezone.now(), started_by="ann")
    rejection = Rejection.objects.create(run=run, number=0, reason="too long")
    checkpoint = Checkpoint.objects.create(
        run=run, fingerprint="f" * 64, cursor={"row": 3}, state=b"\x00\xff"
    )
    checkpoint.refresh_from_db()
    assert str(system) == "The old one"
    assert str(ExternalSystem(name="CRM")) == "CRM"
    assert str(mapping) == "ERP:K1-shop.product:7"
    assert str(run) == f"products {run.pk} (running)"
    assert str(rejection) == "record 1: too long"
    assert str(Rejection(number=0, origin="a.csv:2", reason="too long")) == "a.csv:2: too long"
    assert str(checkpoint) == f"ffffffffffff of {run}"
    assert bytes(checkpoint.state) == b"\x00\xff"
    assert Run.objects.latest() == run


def test_a_mapping_of_a_model_that_is_gone_has_a_name(system: ExternalSystem) -> None:
    """django-nsync fails here: the content type outlives its model."""
    stale = ContentType.objects.create(app_label="shop", model="gone")
    mapping = ExternalKeyMapping(content_type=stale, object_id="1", external_system=system, external_key="K")
    assert str(mapping) == "ERP:K-shop.gone:1"


def test_migrations_are_complete() -> None:
    """The models have no change that no migration makes."""
    call_command("makemigrations", "modelsync", check=True, dry_run=True, verbosity=0)


def test_a_collation_that_is_given_is_kept() -> None:
    """`KeyField(db_collation=...)` is the user's own choice."""
    field = KeyField(max_length=10, db_collation="utf8mb4_unicode_ci")
    assert field.db_parameters(connection)["collation"] == "utf8mb4_unicode_ci"


def test_a_key_field_is_remade_from_its_parts() -> None:
    """Migrations write the field down and read it back."""
    _, path, args, kwargs = KeyField(max_length=10).deconstruct()
    assert (path, args, kwargs) == ("modelsync.fields.KeyField", [], {"max_length": 10})
