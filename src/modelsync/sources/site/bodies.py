"""The body of an answer, unpacked piece by piece: never much more of it in memory than came in."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Final

from modelsync.core.errors import Permanent, Transient

#: Bytes of a body, unpacked, that are read at most.
MOST: Final = 10 << 30
_STEP: Final = 1 << 17
# Four bytes of Zstandard can stand for 128 KiB, so they are fed to it a few at a time: 16 MiB at worst.
_SLICE: Final = 1 << 9
# RFC 9659: what an HTTP client need not exceed.
_WINDOW: Final = 8 << 20


def encodings() -> str:
    """The `Accept-Encoding` of what can be unpacked here."""
    return "zstd, gzip" if find_spec("zstandard") else "gzip"


def unpacked(raw: Iterable[bytes], encoding: str, *, name: str, most: int = MOST) -> Iterator[bytes]:
    """The content of a body.

    Raises Permanent for what is damaged, too large or packed in a way that was not asked for,
    Transient for what was cut off.
    """
    total = 0
    for piece in _pieces(raw, encoding.strip().lower(), name):
        total += len(piece)
        if total > most:
            raise Permanent(
                f"{name} sends more than {most:,} bytes when unpacked; if it really is that much, "
                f"allow it more (most=...)"
            )
        if piece:
            yield piece


def _pieces(raw: Iterable[bytes], encoding: str, name: str) -> Iterator[bytes]:
    match encoding:
        case "" | "identity":
            return iter(raw)
        case "gzip" | "x-gzip":
            return _gunzipped(raw, name)
        case "zstd" if find_spec("zstandard"):
            return _unzstd(raw, name)
        case _:
            raise Permanent(f"{name} answers with the encoding {encoding!r}, which was not asked for")


def _gunzipped(raw: Iterable[bytes], name: str) -> Iterator[bytes]:
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for data in raw:
            piece = b""
            # A full step may have more behind it, even when all that came in is used up.
            while data or (len(piece) == _STEP and not member.eof):
                if member.eof:
                    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
                piece = member.decompress(data, _STEP)
                data = member.unused_data if member.eof else member.unconsumed_tail
                yield piece
    except zlib.error as error:
        raise _damaged(name, error) from error
    if not member.eof:
        raise _cut(name)


def _unzstd(raw: Iterable[bytes], name: str) -> Iterator[bytes]:
    import zstandard

    frame = None
    try:
        for data in raw:
            parts: list[bytes] = []
            size = 0
            for start in range(0, len(data), _SLICE):
                part = data[start : start + _SLICE]
                while part:
                    if frame is None:
                        frame = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj()
                    parts.append(frame.decompress(part))
                    size += len(parts[-1])
                    part = b""
                    if frame.eof:
                        part, frame = frame.unused_data, None
                if size >= _STEP:
                    yield b"".join(parts)
                    parts.clear()
                    size = 0
            yield b"".join(parts)
    except zstandard.ZstdError as error:
        raise _damaged(name, error) from error
    if frame is not None:
        raise _cut(name)


def _damaged(name: str, error: Exception) -> Permanent:
    return Permanent(f"what {name} sends is damaged, it cannot be unpacked ({error})")


def _cut(name: str) -> Transient:
    return Transient(f"{name} was cut off in the middle of its packed content")
