"""`python -m tests.simulation SEED [UNTIL]`: print the history of a seed and what came of it.

With UNTIL, the histories of all seeds up to it are played; those with findings are printed, as short as they
can be made.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

import django


def main(first: int, until: int | None = None) -> int:
    """Give the exit code: the number of histories with findings, 100 at most."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from django.db import connection

    connection.creation.create_test_db(verbosity=0)
    try:
        return min(_play(range(first, (until or first) + 1), shortens=until is not None), 100)
    finally:
        connection.creation.destroy_test_db(":memory:", verbosity=0)


def _play(seeds: range, *, shortens: bool) -> int:
    from tests.simulation.steps import draw
    from tests.simulation.world import play

    wrong, started = 0, time.monotonic()
    for seed in seeds:
        history: Sequence[object] = draw(seed)
        findings = play(seed)
        wrong += bool(findings)
        if findings and shortens:
            history = shorter(seed)
            findings = play(seed, history)  # type: ignore[arg-type]  # steps
        if findings or not shortens:
            print(f"seed {seed}", *history, "findings:", *(findings or ["none"]), sep="\n  ")
    print(f"{len(seeds)} histories, {wrong} with findings, {time.monotonic() - started:.1f} s")
    return wrong


def shorter(seed: int) -> list[object]:
    """The history of a seed without the steps that its findings do not need."""
    from tests.simulation.steps import draw
    from tests.simulation.world import play

    history = draw(seed)
    size = len(history) // 2
    while size:
        start = 0
        while start < len(history):
            less = history[:start] + history[start + size :]
            if play(seed, less):
                history = less
            else:
                start += size
        size //= 2
    return list(history)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
