"""Compressed streams: whatever goes in comes out at once, so that the first byte need not wait."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import Any, Final, TypeAlias

#: What makes a block ready to be sent, and what ends the stream.
_Codec: TypeAlias = tuple[Callable[[bytes], bytes], Callable[[], bytes]]

_GZIP: Final = 16 + zlib.MAX_WBITS
#: The fastest level of either: a higher one takes more time than it saves on most networks.
_LEVEL: Final = 1


def available_encodings() -> tuple[str, ...]:
    """The encodings that can be made here, the best first."""
    has_zstd = sys.version_info >= (3, 14) or find_spec("zstandard") is not None
    return ("zstd", "gzip") if has_zstd else ("gzip",)


def compressed(blocks: Iterable[bytes], encoding: str | None) -> Iterator[bytes]:
    """The blocks in this encoding, each flushed; as they are where the encoding is None."""
    if encoding is None:
        yield from blocks
        return
    pack, finish = _zstd() if encoding == "zstd" else _gzip()
    for block in blocks:
        yield pack(block)
    yield finish()


def _gzip() -> _Codec:
    codec = zlib.compressobj(level=_LEVEL, wbits=_GZIP)
    return (lambda block: codec.compress(block) + codec.flush(zlib.Z_SYNC_FLUSH)), codec.flush


def _zstd() -> _Codec:
    # gzip has a checksum always, Zstandard where it is asked for.
    if sys.version_info >= (3, 14):
        from compression import zstd

        parameter = zstd.CompressionParameter
        made = zstd.ZstdCompressor(options={parameter.checksum_flag: 1, parameter.compression_level: _LEVEL})
        return (lambda block: made.compress(block, made.FLUSH_BLOCK)), made.flush
    import zstandard

    codec: Any = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True).compressobj()
    flush_block = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return (lambda block: codec.compress(block) + codec.flush(flush_block)), codec.flush
