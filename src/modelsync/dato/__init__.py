"""Content of a CMS as Django models; here are the names that `yourapp/dato_sync.py` imports."""

from modelsync.dato.declaring import SyncOptions, flattened_position, from_dato_path, position_in_parent

__all__ = ["SyncOptions", "flattened_position", "from_dato_path", "position_in_parent"]
