"""Zstandard as a file that tells when it is cut off, which the library's own reader does not."""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any, Final

from modelsync.core.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAGIC: Final = b"\x28\xb5\x2f\xfd"
_BLOCK: Final = 1 << 17


def unpacked(raw: IO[bytes]) -> io.BufferedReader:
    """The uncompressed bytes; reading them raises EOFError where the file is cut off or damaged."""
    try:
        import zstandard
    except ImportError:
        raise ConfigurationError(".zst needs an extra: pip install 'django-modelsync[zst]'") from None
    return io.BufferedReader(_Frames(raw, zstandard), _BLOCK)


class _Frames(io.RawIOBase):
    """The content of all frames of a file, one after the other."""

    def __init__(self, raw: IO[bytes], zstandard: Any) -> None:
        self.raw = raw
        self.zstandard = zstandard
        self.frame: Any = None
        self.ready = b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, into: WriteableBuffer) -> int:
        """Fill the buffer as far as there is something."""
        view = memoryview(into).cast("B")
        while not self.ready:
            block = self.raw.read(_BLOCK)
            if not block:
                if self.frame is not None:
                    raise EOFError("it ends in the middle of a compressed frame")
                return 0
            self._unpack(block)
        part, self.ready = self.ready[: len(view)], self.ready[len(view) :]
        view[: len(part)] = part
        return len(part)

    def _unpack(self, block: bytes) -> None:
        parts = []
        try:
            while block:
                self.frame = self.frame or self.zstandard.ZstdDecompressor().decompressobj()
                parts.append(self.frame.decompress(block))
                block = b""
                if self.frame.eof:
                    block, self.frame = self.frame.unused_data, None
        except self.zstandard.ZstdError as error:
            raise EOFError(str(error)) from error
        self.ready = b"".join(parts)
