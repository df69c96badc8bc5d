"""What becomes of one file: refused, present, missing, failed, or downloaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import stamina
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage

from modelsync.core.errors import ModelSyncError, Permanent
from modelsync.media.fetching import Fetcher, MissingFile, TooSlow, file_url
from modelsync.media.index import FileIndex
from modelsync.media.inspecting import check_image, sha256
from modelsync.media.parts import Part, Stopped, part
from modelsync.media.places import place_of
from modelsync.media.refs import FileRef
from modelsync.media.report import FileDone, FileOutcome
from modelsync.media.safety import why_refused
from modelsync.sources.retrying import again


@dataclass(frozen=True, slots=True, kw_only=True)
class Settler:
    """Sees to files, one at a time; several threads may use it."""

    base: str
    fetcher: Fetcher
    storage_of: Callable[[FileRef], Storage]
    scratch: Path
    index: FileIndex | None
    tries: int

    def settle(self, ref: FileRef) -> FileDone:
        """Have the file here; whatever goes wrong with it is its outcome."""
        reason = why_refused(ref.name)
        if reason is not None:
            return FileDone(ref=ref, outcome=FileOutcome.REFUSED, reason=reason)
        try:
            return self._settle(ref, self.storage_of(ref))
        except Stopped:
            return FileDone(ref=ref, outcome=FileOutcome.FAILED, reason="the run was given up")
        except SuspiciousFileOperation:
            return FileDone(ref=ref, outcome=FileOutcome.REFUSED, reason="the storage refuses its name")
        except MissingFile as error:
            return FileDone(ref=ref, outcome=FileOutcome.MISSING, reason=str(error))
        except ModelSyncError as error:
            return FileDone(ref=ref, outcome=FileOutcome.FAILED, reason=str(error))
        except Exception as error:
            # Storages raise errors of their own kinds.
            reason = f"the storage failed: {type(error).__name__}: {error}"
            return FileDone(ref=ref, outcome=FileOutcome.FAILED, reason=reason)

    def _settle(self, ref: FileRef, storage: Storage) -> FileDone:
        expected = None if self.index is None else self.index.find(ref.name)
        if storage.exists(ref.name):
            if self.index is not None and expected is None:
                reason = "it is not in the index, so it could not be compared"
                return FileDone(ref=ref, outcome=FileOutcome.PRESENT, reason=reason)
            if expected is None or _holds(storage, ref.name) == expected:
                return FileDone(ref=ref, outcome=FileOutcome.PRESENT)
        return self._download(ref, storage, expected)

    def _download(self, ref: FileRef, storage: Storage, expected: tuple[int, str] | None) -> FileDone:
        place = place_of(storage, self.scratch)
        with part(place.folder(ref.name), ref.name) as unfinished:
            self._fetch(file_url(self.base, ref.name), unfinished)
            size = unfinished.size
            if expected is not None and _content(unfinished.path) != expected:
                raise Permanent("what came is not what the index says; it may just have changed, pull again")
            if ref.is_image:
                check_image(unfinished.path)
            place.keep(unfinished.path, ref.name)
        return FileDone(ref=ref, outcome=FileOutcome.DOWNLOADED, size=size)

    def _fetch(self, url: str, unfinished: Part) -> None:
        until = self.fetcher.deadline()
        for attempt in stamina.retry_context(on=_again, attempts=self.tries, timeout=None):
            with attempt:
                self.fetcher.fetch(url, unfinished, until)


def _again(error: Exception) -> bool | float:
    """Whether to try again, or after how many seconds; not when there is no time left."""
    return not isinstance(error, TooSlow) and again(error)


def _holds(storage: Storage, name: str) -> tuple[int, str]:
    """The size and hash of a file that is here."""
    size = storage.size(name)
    with storage.open(name) as file:
        return size, sha256(file)


def _content(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, sha256(file)
