"""Where records come from: files of every format, iterables, several of them as one.

What belongs here is finding, opening and reading again; what the bytes mean is `formats`' business.
"""

from modelsync.sources.chain import ChainSource
from modelsync.sources.files import FileSource
from modelsync.sources.iterable import IterableSource
from modelsync.sources.paths import find_files

__all__ = ["ChainSource", "FileSource", "IterableSource", "find_files"]
