"""The staged way: load a batch into a temporary table, let the database do the rest.

Reading order: `eligible` (when it is right), `layout` (what is staged), `statements` (the SQL),
`writer` (the order of things, and what to do about rows that are no set).
"""

from modelsync.targets.django.staged.eligible import why_objects
from modelsync.targets.django.staged.writer import StagedWriter

__all__ = ["StagedWriter", "why_objects"]
