"""Bytes to rows: one file per format, no Django, no knowledge of where the bytes come from.

A format is a function from a Document (an open file and what the user said about it) to a Table,
whose `chunks` are rows that have the same columns. Add one here and give it a conformance class
(`modelsync.testing.SourceContract`).
"""

from modelsync.formats.registry import FORMATS, SEEKING, format_named, format_of, stem_of
from modelsync.formats.table import Chunk, Document, Fault, Reading, Table

__all__ = [
    "FORMATS",
    "SEEKING",
    "Chunk",
    "Document",
    "Fault",
    "Reading",
    "Table",
    "format_named",
    "format_of",
    "stem_of",
]
