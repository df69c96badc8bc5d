"""The objects way: instances, `save()`, signals, one row at a time, with batched reads.

It is right for every model and every match expression, and it is what the staged way falls back on
for the rows that it cannot treat as a set.

Reading order: `writer` (find, decide, write), `steps` (create, update, references at the end of a pass),
`values`, `references` and `saving` (what they are made of); each works on a `row`.
"""

from modelsync.targets.django.objects.writer import ObjectsWriter

__all__ = ["ObjectsWriter"]
