"""A process that writes objects: `python -m tests.hub.writer SEED COUNT`; it waits before each commit."""

from __future__ import annotations

import os
import random
import sys
import time
from contextlib import suppress
from typing import Any

import django


def main(seed: int, count: int) -> None:
    """Make so many transactions, each of which writes some objects of its own."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.db import transaction

    chance = random.Random(seed)
    own: list[Any] = []
    for number in range(count):
        with suppress(ZeroDivisionError), transaction.atomic():
            made, gone = write(chance, own, f"{seed}-{number}")
            time.sleep(chance.random() / 30)
            if chance.random() < 0.2:
                raise ZeroDivisionError  # rolled back
            own = [each for each in (*own, *made) if each not in gone]


def write(chance: random.Random, own: list[Any], text: str) -> tuple[list[Any], list[Any]]:
    """Make some objects, change others, delete others; those that were made, and those that went."""
    from tests.hub.models import Article, Book, Note

    made = [
        Article.objects.create(title=text),
        Book.objects.create(title=text),
        *Note.objects.bulk_create([Note(text=text) for _ in range(2)]),
    ]
    known = [each for each in own if each.pk]
    gone = []
    for each in chance.sample(known, min(3, len(known))):
        rows = type(each).objects.filter(pk=each.pk)
        if chance.random() < 0.3:
            gone.append(each)
            rows.delete()
        else:
            rows.update(**{"text" if isinstance(each, Note) else "title": text})
    return made, gone


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
