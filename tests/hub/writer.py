"""A process that writes articles: `python -m tests.hub.writer SEED COUNT`; it waits before each commit."""

from __future__ import annotations

import os
import random
import sys
import time

import django


def main(seed: int, count: int) -> None:
    """Write so many articles, each in a transaction of its own."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.db import transaction

    from tests.hub.models import Article

    chance = random.Random(seed)
    for number in range(count):
        with transaction.atomic():
            Article.objects.create(title=f"{seed}-{number}")
            time.sleep(chance.random() / 30)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
