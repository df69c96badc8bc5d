"""For those who write their own adapters: suites that an adapter must pass, and ports in memory.

Subclass `SourceContract` for a source (docs/how-to/write-a-source.md), `TargetContract` for a
target. pytest shows the values of a failed `assert` in them after
`pytest.register_assert_rewrite("modelsync.testing")` in your conftest.py.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelsync.testing.journal import MemoryJournal
    from modelsync.testing.sources import BrokenRows, OmittedCells, SourceContract
    from modelsync.testing.targets import Bench, TargetContract

__all__ = ["Bench", "BrokenRows", "MemoryJournal", "OmittedCells", "SourceContract", "TargetContract"]

_LAZY = {
    "Bench": "targets",
    "BrokenRows": "sources",
    "MemoryJournal": "journal",
    "OmittedCells": "sources",
    "SourceContract": "sources",
    "TargetContract": "targets",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"modelsync.testing.{_LAZY[name]}"), name)
