"""The files that a user names: paths, folders, patterns, addresses and stdin."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from modelsync.core.errors import ConfigurationError
from modelsync.formats import FORMATS, format_of
from modelsync.sources.opening import STDIN, is_address


def find_files(named: Sequence[str | os.PathLike[str]]) -> list[str]:
    """The files meant, in the order given, those of a folder or pattern by name.

    A folder stands for its files of known formats, without hidden ones and the locks of office
    programs. Raises ConfigurationError for what is not there.
    """
    found: dict[str, None] = {}
    for each in [os.fspath(path) for path in named]:
        try:
            found.update(dict.fromkeys(_expanded(each)))
        except OSError as error:
            raise ConfigurationError(f"{each} cannot be looked at: {error.strerror}") from error
    return list(found)


def _expanded(named: str) -> list[str]:
    if named == STDIN or is_address(named):
        return [named]
    path = Path(named)
    if path.is_dir():
        inside = sorted(str(p) for p in path.iterdir() if _is_wanted(p))
        if not inside:
            raise ConfigurationError(
                f"the folder {named} holds no file of a known format ({', '.join(FORMATS)}); name the files"
            )
        return inside
    if path.exists():
        return [named]
    if glob.has_magic(named):
        matching = sorted(p for p in glob.glob(named, recursive=True) if Path(p).is_file())
        if matching:
            return matching
        raise ConfigurationError(f"no file answers to the pattern {named}")
    raise ConfigurationError(f"there is no file {named}")


def _is_wanted(path: Path) -> bool:
    return not path.name.startswith((".", "~$")) and format_of(path.name) is not None and path.is_file()
