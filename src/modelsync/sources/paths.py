"""The files that a user names: paths, folders, patterns, addresses and stdin."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from modelsync.core.errors import ConfigurationError
from modelsync.formats import format_of
from modelsync.sources.opening import STDIN, is_remote


def find_files(named: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The files meant, in the order given, those of a folder or pattern by name.

    A folder stands for its files of known formats. Raises ConfigurationError for what is not there.
    """
    found: list[str] = []
    for each in map(os.fspath, named):
        found += [path for path in _expanded(each) if path not in found]
    return found


def _expanded(named: str) -> list[str]:
    if named == STDIN or is_remote(named):
        return [named]
    path = Path(named)
    if path.is_dir():
        inside = sorted(str(p) for p in path.iterdir() if p.is_file() and format_of(p.name))
        if not inside:
            raise ConfigurationError(f"the folder {named} holds no file of a known format")
        return inside
    if path.exists():
        return [named]
    if glob.has_magic(named):
        matching = sorted(p for p in glob.glob(named, recursive=True) if Path(p).is_file())
        if matching:
            return matching
        raise ConfigurationError(f"no file answers to the pattern {named}")
    raise ConfigurationError(f"there is no file {named}")
