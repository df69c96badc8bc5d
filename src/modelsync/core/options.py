"""How a run goes about its input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelsync.core.guard import Guard
from modelsync.core.passes import Pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run goes about its input.

    `commit_every` is a number of records (None: one transaction); `skip_errors` lets the good
    records in when others are refused; `max_errors` stops the run at more rejections than that;
    `strict` makes a rejection of each warning;
    `delete_missing` has the target delete what the input no longer has, within `guard`;
    the `keep_...` bound what the report lists (observers are told of all).
    """

    name: str = ""
    passes: Sequence[Pass] = (Pass(),)
    dry_run: bool = False
    skip_errors: bool = False
    max_errors: int | None = None
    commit_every: int | None = None
    resume: bool = False
    guard: Guard = field(default_factory=Guard)
    delete_missing: bool = False
    strict: bool = False
    keep_notices: int = 1000
    keep_rejections: int = 100_000
    keep_changes: int = 20
