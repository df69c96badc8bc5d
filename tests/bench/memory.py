"""How much memory ours takes, and that it takes no more for more rows."""

from __future__ import annotations

from pathlib import Path

from tests.bench import state
from tests.bench.contest import ask, single
from tests.bench.data import Files


def peaks(kind: str, sizes: list[Files], folder: Path) -> dict[int, float]:
    """The peak in MB of creating, then finding unchanged, by rows; each in a fresh process."""
    found = {}
    for files in sizes:
        with single(kind, folder) as (database, process):
            for _ in ("new", "unchanged"):
                answer = ask(process, "staged", files.first, reference=files.reference)
                if "error" in answer:
                    raise state.WrongResultError(answer["error"])
            state.check(database.alias, files.first, has_keys=True)
            found[files.rows] = answer["peak"]
    return found
