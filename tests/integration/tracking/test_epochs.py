"""After a restore a new epoch begins."""

from __future__ import annotations

import io
import sys
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from modelsync.tracking.epochs import epoch_began, new_epoch
from modelsync.tracking.models import Feed
from modelsync.tracking.sequencing import epoch_of, sequence
from tests.hub.models import Note
from tests.separate import SeparateDatabase

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def told() -> Iterator[list[uuid.UUID]]:
    """What the signal tells, in the transaction."""
    found: list[uuid.UUID] = []

    def listen(epoch: uuid.UUID, using: str, **_: Any) -> None:
        assert connection.in_atomic_block
        assert using == "default"
        found.append(epoch)

    epoch_began.connect(listen)
    yield found
    epoch_began.disconnect(listen)


def test_a_new_epoch(told: list[uuid.UUID]) -> None:
    """Positions go on; whoever wants to know is told."""
    first = new_epoch()
    assert epoch_of() == first
    Note.objects.create(text="n")
    sequence()
    second = new_epoch()
    assert (epoch_of(), told) == (second, [first, second])
    assert first != second
    assert Feed.objects.get().position == 1


def test_the_command(
    told: list[uuid.UUID], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what it did, and asks before."""
    before = epoch_of()
    call_command("tracking_epoch", "--no-input")
    assert capsys.readouterr().out == (
        f"database 'default': epoch {before} is over, epoch {told[0]} has begun\n"
    )
    for answer, begins in (("y\n", True), ("n\n", False), ("", False)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        epoch = epoch_of()
        if begins:
            call_command("tracking_epoch")
        else:
            with pytest.raises(CommandError, match=r"nothing was done|nobody answers"):
                call_command("tracking_epoch")
        assert (epoch_of() != epoch) == begins


def test_another_database(separate_database: SeparateDatabase) -> None:
    """Each has its own."""
    here, there = epoch_of(), epoch_of(separate_database.alias)
    call_command("tracking_epoch", "--no-input", using=separate_database.alias)
    assert epoch_of() == here
    assert epoch_of(separate_database.alias) != there
