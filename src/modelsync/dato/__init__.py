"""Content of a CMS as Django models; here are the names that `yourapp/dato_sync.py` imports."""

from typing import TYPE_CHECKING, Any

from modelsync.dato.declaring import SyncOptions, flattened_position, from_dato_path, position_in_parent

if TYPE_CHECKING:
    from modelsync.dato.registry import fetch_from_dato

__all__ = ["SyncOptions", "fetch_from_dato", "flattened_position", "from_dato_path", "position_in_parent"]


def __getattr__(name: str) -> Any:
    if name == "fetch_from_dato":  # needs Django's models, which are not there yet while apps are loaded
        from modelsync.dato.registry import fetch_from_dato

        return fetch_from_dato
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
