"""Who takes part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from tests.bench import limit, ours, peers


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One way to do it.

    `is_slow` ones get fewer rows of the same file; `repetitions` is how often they run, of which the
    best counts; `has_keys` says that they keep external keys, too.
    """

    name: str
    run: Callable[..., Any]
    is_slow: bool = False
    repetitions: int = 1
    has_keys: bool = False


ALL = {
    each.name: each
    for each in (
        Contestant(name="limit", run=limit.run, repetitions=3, has_keys=True),
        Contestant(name="staged", run=ours.staged, repetitions=3, has_keys=True),
        Contestant(name="bulk_create", run=peers.bulk_create),
        Contestant(name="objects", run=ours.objects, is_slow=True, repetitions=2, has_keys=True),
        Contestant(name="update_or_create", run=peers.update_or_create, is_slow=True, repetitions=2),
        Contestant(name="import-export", run=peers.import_export, is_slow=True),
    )
}


def chosen(names: str | None, repetitions: int = 0) -> list[Contestant]:
    """The contestants with these names, comma-separated; None means all."""
    wanted = [name.strip() for name in names.split(",")] if names else list(ALL)
    if unknown := [name for name in wanted if name not in ALL]:
        raise SystemExit(f"nobody is called {unknown[0]!r}; there are {', '.join(ALL)}")
    found = [each for each in ALL.values() if each.name in wanted]
    return [replace(each, repetitions=repetitions) for each in found] if repetitions else found
