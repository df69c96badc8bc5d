"""Files that are on their way: half of them may be there, but never under their name."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final, Self

from django.core.files import locks

from modelsync.core.errors import Transient

#: What the names of unfinished files begin with.
PREFIX: Final = ".modelsync-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What tells whether a server still has the same content: as it answered, blank where it did not."""

    etag: str = ""
    modified: str = ""
    total: int | None = None

    @classmethod
    def told(cls, headers: Mapping[str, str], total: int | None) -> Self:
        """That of an answer. A weak ETag does not promise the same bytes."""
        etag = headers.get("ETag", "")
        strong = "" if etag.startswith("W/") else etag
        return cls(etag=strong, modified=headers.get("Last-Modified", ""), total=total)

    @property
    def condition(self) -> str:
        """What `If-Range` says; blank where a part cannot be continued."""
        return self.etag or self.modified


class Part:
    """A file that is being fetched into `path`, to be continued when the server has the same version.

    Its note is held locked as long as this process is at it.
    """

    def __init__(self, stem: Path, note: IO[bytes], *, may_stay: bool) -> None:
        self.path = stem.with_name(f"{stem.name}.part")
        self.may_stay = may_stay
        self._note_path = Path(note.name)
        self._note = note

    @property
    def size(self) -> int:
        """The bytes that are there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    def version(self) -> Version | None:
        """What the bytes that are there belong to; None where they cannot be continued."""
        if not self.size:
            return None
        self._note.seek(0)
        try:
            version = Version(**json.loads(self._note.read()))
        except (ValueError, TypeError):
            return None
        return version if version.condition else None

    def begin(self, version: Version) -> None:
        """Forget what is there; what is written next is of this version."""
        # In this order: a note never stands beside bytes of another version.
        self.path.write_bytes(b"")
        self._note.truncate(0)
        self._note.write(json.dumps(asdict(version)).encode())
        self._note.flush()

    def write(self, pieces: Iterable[bytes]) -> None:
        """Add to what is there; on disk when it returns."""
        with self.path.open("ab") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())

    def discard(self) -> None:
        """Leave nothing behind."""
        self.path.unlink(missing_ok=True)
        # Windows deletes no open file: there a note stays, and is used the next time.
        with suppress(PermissionError):
            self._note_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let others have it."""
        self._note.close()


@contextmanager
def part(folder: Path, name: str) -> Iterator[Part]:
    """The part of a file in that folder; it stays there for another try where one could continue it.

    While another process fetches the same file, this one gets a part of its own.
    """
    stem = folder / f"{PREFIX}{hashlib.sha256(name.encode()).hexdigest()[:32]}"
    note = _locked(stem)
    if made := note is None:
        stem = folder / f"{PREFIX}{uuid.uuid4().hex}"
        note = _note(stem).open("a+b")
    assert note is not None
    part = Part(stem, note, may_stay=not made)
    try:
        yield part
    except (Transient, Stopped):
        if not part.may_stay or part.version() is None:
            part.discard()
        raise
    except BaseException:
        part.discard()
        raise
    else:
        part.discard()
    finally:
        part.close()


class Stopped(Exception):
    """The whole run was given up while a file was fetched."""


def _note(stem: Path) -> Path:
    return stem.with_name(f"{stem.name}.note")


def _locked(stem: Path) -> IO[bytes] | None:
    """The note of a part, locked; None where another process has it."""
    while True:
        file = _note(stem).open("a+b")
        if not _lock(file):
            file.close()
            return None
        # Whoever had the lock before may have deleted the note that was opened.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), _note(stem).stat()):
                return file
        file.close()


def _lock(file: IO[bytes]) -> bool:
    try:
        return bool(locks.lock(file, locks.LOCK_EX | locks.LOCK_NB))
    except OSError:
        # Some file systems of networks have no locks.
        return False
