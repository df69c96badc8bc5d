"""From what a source gave to what a field takes: one compiled converter per column.

A converter works on whole columns: a fast path that is right for clean input of one type, and a
scalar path that finds the cells at fault when the fast one does not apply.
"""

from modelsync.targets.django.converters.columns import Converter, compile_converter

__all__ = ["Converter", "compile_converter"]
