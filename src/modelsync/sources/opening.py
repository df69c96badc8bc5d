"""Paths, addresses and stdin as files that can be opened again and again, uncompressed."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Final, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname
from weakref import finalize

from modelsync.core.errors import ConfigurationError, Permanent, Transient
from modelsync.sources.remote import fetch, shown
from modelsync.sources.zstd import MAGIC as ZSTD_MAGIC
from modelsync.sources.zstd import unpacked

STDIN: Final = "-"
_EDGE: Final = 1 << 16
_GZIP_MAGIC: Final = b"\x1f\x8b"
# At least two letters: `C://` is a drive.
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.:-]+://")


def is_address(path: str) -> bool:
    """Whether it is an address (`s3://`, `https://`, `file://`) and no plain path."""
    return bool(_ADDRESS.match(path))


def is_remote(path: str) -> bool:
    """Whether it is an address (`s3://`, `https://`, `sftp://`) and no path of this machine."""
    return is_address(path) and not _is_file_address(path)


class Content:
    """The bytes of one file, wherever they are; remote ones and stdin are copied to disk once.

    `name` is what messages call it, without what may be secret in an address.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.is_copied = self.path == STDIN or is_remote(self.path)
        self.name = "stdin" if self.path == STDIN else shown(self.path) if self.is_copied else self.path
        self._inner: str | None = None
        self._local: Path | None = None
        self._digest = ""
        self._followed: IO[bytes] | None = None
        self._size = 0
        self._seal: str | None = None

    @property
    def local(self) -> Path:
        """The file on this machine; raises Permanent when there is none, Transient when it may come."""
        if self._local is None:
            local = Path() if self.is_copied else _local_path(self.path)
            # A pipe, such as a shell's <(...), can be read only once.
            self.is_copied = self.is_copied or (local.exists() and not local.is_file() and not local.is_dir())
            local = self._copy() if self.is_copied else local
            if local.is_dir():
                raise Permanent(
                    f"{self.name} is a folder; name its files, or a pattern such as {self.name}/*.csv"
                )
            self._size = local.stat().st_size
            self._local = local
        return self._local

    @property
    def inner(self) -> str:
        """The name that says the format: that of the file, or of the only member of a zip archive."""
        if self._inner is None:
            self._inner = self._only_member() if self._suffix == ".zip" else self.name
        return self._inner

    @contextmanager
    def open(self, *, seekable: bool = False, followed: bool = False) -> Iterator[BinaryIO]:
        """The uncompressed bytes from their beginning. `fraction` is about the one that is followed."""
        self.check()
        with ExitStack() as stack:
            raw = stack.enter_context(self.local.open("rb"))
            if followed:
                self._followed = raw
            file = self._uncompressed(raw, stack)
            if seekable and file is not raw:
                copy = stack.enter_context(tempfile.TemporaryFile(prefix="modelsync-"))
                shutil.copyfileobj(file, copy, 1 << 20)
                copy.seek(0)
                file = copy
            yield cast(BinaryIO, file)

    def fraction(self) -> float | None:
        """How much of the followed file has been read, from 0 to 1; None when nothing tells."""
        if self._followed is None or not self._size:
            return None
        if self._followed.closed:
            return 1.0
        return min(1.0, self._followed.tell() / self._size)

    def seal(self) -> str:
        """A short text that is another one when the content is.

        A digest of what was copied; of other files the size, a digest of both ends, and the time of
        the last change.
        """
        local = self.local
        if self.is_copied:
            return self._digest
        with local.open("rb") as file:
            digest = hashlib.blake2b(file.read(_EDGE), digest_size=12)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _EDGE))
            digest.update(file.read(_EDGE))
        return f"{size:x}-{digest.hexdigest()}-{local.stat().st_mtime_ns:x}"

    def check(self) -> None:
        """Raise Permanent when the content is not what it was when it was first looked at."""
        seal = self.seal()
        if self._seal is not None and seal != self._seal:
            raise Permanent(
                f"{self.name} was changed while it was being read; run again when nobody writes to it"
            )
        self._seal = seal

    # -- compression -------------------------------------------------------------------------

    def _uncompressed(self, raw: IO[bytes], stack: ExitStack) -> IO[bytes]:
        start = raw.read(4)
        raw.seek(0)
        if self._suffix == ".zip":
            return self._member(raw, stack)
        if self._suffix == ".gz" or start.startswith(_GZIP_MAGIC):
            return cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=raw, mode="rb")))
        if self._suffix == ".zst" or start == ZSTD_MAGIC:
            return stack.enter_context(unpacked(raw))
        return raw

    def _member(self, raw: IO[bytes], stack: ExitStack) -> IO[bytes]:
        archive = stack.enter_context(zipfile.ZipFile(raw))
        try:
            return stack.enter_context(archive.open(self.inner))
        except (RuntimeError, NotImplementedError) as error:
            raise Permanent(f"{self.name} cannot be unpacked ({error}); unpack it yourself") from error

    def _only_member(self) -> str:
        with zipfile.ZipFile(self.local) as archive:
            names = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX/")]
        if len(names) != 1:
            raise ConfigurationError(
                f"{self.name} holds {len(names)} files ({', '.join(names[:5])}); "
                f"pack one file in an archive, or unpack it and give its folder"
            )
        return names[0]

    @property
    def _suffix(self) -> str:
        return PurePosixPath(self.name).suffix.lower()

    # -- copies ------------------------------------------------------------------------------

    def _copy(self) -> Path:
        """A copy of what can be read only once, or slowly. It goes when the content does."""
        handle, name = tempfile.mkstemp(prefix="modelsync-")
        copy = Path(name)
        remove = finalize(self, copy.unlink, missing_ok=True)
        try:
            with open(handle, "wb") as file:
                if self.path == STDIN:
                    shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
                elif not is_remote(self.path):
                    with open(self.path, "rb") as pipe:
                        shutil.copyfileobj(pipe, file, 1 << 20)
            if is_remote(self.path):
                fetch(self.path, copy)
            with copy.open("rb") as file:
                self._digest = hashlib.file_digest(file, "blake2b").hexdigest()[:24]
        except BaseException:
            remove()
            raise
        return copy


def _is_file_address(path: str) -> bool:
    return path[:7].lower() == "file://"


def _local_path(path: str) -> Path:
    return Path(url2pathname(urlsplit(path).path) if _is_file_address(path) else path)


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Files that are not there, cut off or damaged, as the error tree has them."""
    try:
        yield
    except FileNotFoundError as error:
        raise Permanent(f"there is no file {name}") from error
    except PermissionError as error:
        raise Permanent(f"{name} may not be read: {error.strerror}") from error
    except (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile) as error:
        raise Permanent(f"{name} is cut off or damaged: {error}; fetch it again") from error
    except OSError as error:
        raise Transient(f"{name} could not be read: {error.strerror or error}") from error
