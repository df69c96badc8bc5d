"""A save and its capture are one: both are there, or none, whatever receivers of signals do meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection
from django.db.models.signals import ModelSignal, post_save, pre_save
from django.test.utils import CaptureQueriesContext

from modelsync.tracking.models import Change
from tests.hub.models import Author

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


@pytest.fixture(autouse=True)
def _nobody_sequences(settings: Any) -> None:
    settings.MODELSYNC = {"sequence_on_commit": False}


@contextmanager
def receiving(signal: ModelSignal, receiver: Callable[..., object]) -> Iterator[None]:
    """Authors are received before or after they are written."""
    signal.connect(receiver, sender=Author)
    try:
        yield
    finally:
        signal.disconnect(receiver, sender=Author)


def captured() -> set[str]:
    """The keys of what is captured."""
    return set(Change.objects.values_list("object_pk", flat=True))


def test_a_write_that_fails_is_not_captured() -> None:
    """Neither inserted nor updated."""
    author = Author.objects.create(name="Ada")
    Change.objects.all().delete()
    with pytest.raises(IntegrityError):
        Author(pk=author.pk, name="Eve").save(force_insert=True)
    with pytest.raises(DatabaseError):
        Author(pk=author.pk, name=None).save(force_update=True)
    assert captured() == set()


@pytest.mark.parametrize("signal", [pre_save, post_save])
def test_receivers_that_save_others(signal: ModelSignal) -> None:
    """Each is captured, by itself."""
    other = Author.objects.create(name="other")
    Change.objects.all().delete()

    def receive(instance: Author, **_: object) -> None:
        if instance.pk != other.pk:
            other.mood = instance.name
            other.save()
            Author.objects.filter(pk=other.pk).update(name="by hand")

    with receiving(signal, receive):
        author = Author.objects.create(name="Ada")
    assert captured() == {str(author.pk), str(other.pk)}


@pytest.mark.parametrize("signal", [pre_save, post_save])
def test_receivers_that_save_the_same(signal: ModelSignal) -> None:
    """What is written after that is captured, too."""
    author = Author.objects.create(name="Ada")

    def receive(instance: Author, **_: object) -> None:
        if not instance.mood:
            instance.mood = "good"
            instance.save()
            Change.objects.all().delete()

    Change.objects.all().delete()
    author.name = "Bea"
    with receiving(signal, receive), CaptureQueriesContext(connection) as done:
        author.save()
    if signal is pre_save:
        assert captured() == {str(author.pk)}
    if connection.vendor == "postgresql":  # together with the write, also the outer one
        assert not any(query["sql"].startswith("INSERT") for query in done)
    author.name = "Cleo"
    author.save()
    assert captured() == {str(author.pk)}


def test_a_receiver_that_gives_another_key() -> None:
    """What is written counts."""
    key = uuid.uuid4()

    def receive(instance: Author, **_: object) -> None:
        instance.pk = key

    with receiving(pre_save, receive):
        Author(name="Ada").save(force_insert=True)
    assert str(key) in captured()
