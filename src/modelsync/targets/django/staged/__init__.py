"""The staged way: load a batch into a temporary table, let the database do the rest.

Reading order: `eligible` (when it is right), `layout` and `loading` (what is staged), `tables` (what the
plan says). Then the SQL: `rows`, `answers` and `values` are its expressions; `finding`, `merging`,
`mappings`, `hazards` and `deletes` its statements, which `late` changes and `statements` puts together.
Then the order of things: `writer`, `sets` (rows that are no set), `plan`, `carrying`, `noting`; each
works on a `work`.
"""

from modelsync.targets.django.staged.eligible import why_objects
from modelsync.targets.django.staged.writer import StagedWriter

__all__ = ["StagedWriter", "why_objects"]
