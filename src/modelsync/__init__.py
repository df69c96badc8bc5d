"""Keep Django models in sync with other systems.

    import modelsync

    report = modelsync.sync(rows, "shop.Product", system="ERP", match_on=["sku"])

Importing this package needs no configured Django; `sync` and `Sync` are loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from modelsync.core.errors import (
    ConfigurationError,
    ConflictError,
    GuardError,
    ModelSyncError,
    Permanent,
    RecordError,
    SourceError,
    Transient,
)
from modelsync.core.records import Action
from modelsync.core.results import Outcome, Report

if TYPE_CHECKING:
    from modelsync.service import sync
    from modelsync.syncs import Sync

__version__ = "0.1.0"
__all__ = [
    "Action",
    "ConfigurationError",
    "ConflictError",
    "GuardError",
    "ModelSyncError",
    "Outcome",
    "Permanent",
    "RecordError",
    "Report",
    "SourceError",
    "Sync",
    "Transient",
    "sync",
]

_LAZY = {"sync": "modelsync.service", "Sync": "modelsync.syncs"}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
