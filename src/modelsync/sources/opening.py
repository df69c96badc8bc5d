"""Paths, addresses and stdin as files that can be opened again and again, uncompressed."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, Final, cast

from modelsync.core.errors import ConfigurationError, Permanent, Transient

STDIN: Final = "-"
_EDGE: Final = 1 << 16


def is_remote(path: str) -> bool:
    """Whether it is an address (`s3://`, `https://`, `sftp://`) and no path of this machine."""
    scheme, mark, _ = path.partition("://")
    return bool(mark) and scheme.isalnum() and scheme.lower() != "file"


class Content:
    """The bytes of one file, wherever they are; remote ones and stdin are copied to disk once.

    `name` is what messages call it. `open` gives the uncompressed bytes from their beginning.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.name = "stdin" if self.path == STDIN else self.path
        self.inner = self.path
        self._local: Path | None = None
        self._copy: Any = None
        self._raw: IO[bytes] | None = None
        self._size = 0
        self._seal: str | None = None

    @property
    def local(self) -> Path:
        """The file on this machine; raises Permanent when there is none, Transient when it may come."""
        if self._local is None:
            self._local = self._fetched() if self.path == STDIN or is_remote(self.path) else Path(self.path)
            if not self._local.exists():
                raise Permanent(f"there is no file {self.name}")
            if self._local.is_dir():
                raise Permanent(f"{self.name} is a folder; name its files, or a pattern such as {self.name}/*.csv")
            self._size = self._local.stat().st_size
        return self._local

    def open(self) -> BinaryIO:
        """The uncompressed bytes. The latest one opened is what `fraction` follows."""
        seal = self.seal()
        if self._seal is not None and seal != self._seal:
            raise Permanent(f"{self.name} was changed while it was being read; nothing more of it was taken")
        self._seal = seal
        try:
            raw: IO[bytes] = self.local.open("rb")
        except PermissionError as error:
            raise Permanent(f"{self.name} may not be read: {error.strerror}") from error
        self._raw = raw
        return cast(BinaryIO, self._uncompressed(raw))

    def fraction(self) -> float | None:
        """How much of the latest opened file has been read, from 0 to 1; None when nothing tells."""
        if self._raw is None or not self._size:
            return None
        if self._raw.closed:
            return 1.0
        return min(1.0, self._raw.tell() / self._size)

    def seal(self) -> str:
        """A short text that is another one when the content is: size, and a digest of both its ends."""
        with self.local.open("rb") as file:
            digest = hashlib.blake2b(file.read(_EDGE), digest_size=12)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _EDGE))
            digest.update(file.read(_EDGE))
        changed = "" if self._copy is not None else f"-{self.local.stat().st_mtime_ns:x}"
        return f"{size:x}-{digest.hexdigest()}{changed}"

    # -- compression -------------------------------------------------------------------------

    def _uncompressed(self, raw: IO[bytes]) -> IO[bytes]:
        match PurePosixPath(self.path.partition("?")[0]).suffix.lower():
            case ".gz":
                return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="rb"))
            case ".zst":
                return _zstandard(raw)
            case ".zip":
                return self._member(raw)
            case _:
                return raw

    def _member(self, raw: IO[bytes]) -> IO[bytes]:
        try:
            archive = zipfile.ZipFile(raw)
        except zipfile.BadZipFile as error:
            raise Permanent(f"{self.name} is no zip archive that can be read: {error}") from error
        names = [n for n in archive.namelist() if not n.endswith("/") and not n.startswith("__MACOSX/")]
        if len(names) != 1:
            raise ConfigurationError(
                f"{self.name} holds {len(names)} files ({', '.join(names[:5])}); pack one file in an archive, "
                f"or unpack it and give its folder"
            )
        self.inner = names[0]
        return archive.open(names[0])

    # -- copies ------------------------------------------------------------------------------

    def _fetched(self) -> Path:
        """A copy of what can be read only once, or slowly."""
        self._copy = tempfile.NamedTemporaryFile(prefix="modelsync-", delete=True)
        with _told(self.name):
            if self.path == STDIN:
                shutil.copyfileobj(sys.stdin.buffer, self._copy)
            else:
                with _remote(self.path) as remote:
                    shutil.copyfileobj(remote, self._copy, 1 << 20)
        self._copy.flush()
        return Path(self._copy.name)


def _zstandard(raw: IO[bytes]) -> IO[bytes]:
    try:
        import zstandard
    except ImportError:
        raise ConfigurationError(".zst needs an extra: pip install 'django-modelsync[zst]'") from None
    reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
    return cast(IO[bytes], _Buffered(reader))


class _Buffered:
    """zstandard's reader with the methods that text and line readers need."""

    def __new__(cls, reader: Any) -> Any:
        import io

        return io.BufferedReader(reader, 1 << 17)


def _remote(path: str) -> Any:
    try:
        import fsspec
    except ImportError:
        raise ConfigurationError("addresses need an extra: pip install 'django-modelsync[remote]'") from None
    try:
        return fsspec.open(path, "rb")
    except (ImportError, ValueError) as error:
        # fsspec says which package an address needs, or that it does not know the scheme.
        raise ConfigurationError(f"{path.partition('://')[0]}:// cannot be read: {error}") from error


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Errors of opening and copying, as the error tree has them."""
    try:
        yield
    except FileNotFoundError as error:
        raise Permanent(f"there is no file {name}") from error
    except PermissionError as error:
        raise Permanent(f"{name} may not be read: {error}") from error
    except ImportError as error:
        raise ConfigurationError(f"{name} cannot be read: {error}") from error
    except (OSError, TimeoutError) as error:
        raise Transient(f"{name} could not be read: {error}") from error


@contextmanager
def readable(name: str) -> Iterator[None]:
    """Bytes that are cut off or damaged, as the error tree has them."""
    damaged: tuple[type[Exception], ...] = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile)
    with suppress(ImportError):
        import zstandard

        damaged = (*damaged, zstandard.ZstdError)
    try:
        yield
    except damaged as error:
        raise Permanent(f"{name} is cut off or damaged: {error}") from error
