"""The objects way: instances, `save()`, signals, one row at a time, with batched reads.

It is right for every model and every match expression, and it is what the staged way falls back on
for the rows that it cannot treat as a set.
"""

from modelsync.targets.django.objects.writer import ObjectsWriter

__all__ = ["ObjectsWriter"]
