"""Packed bodies: any pieces, any cut, and never more in memory than came in by much."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from modelsync.core.errors import Permanent, SourceError, Transient
from modelsync.sources.site.bodies import encodings, unpacked
from tests.unit.sources import pieces

PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstandard.compress}
ENCODINGS = st.sampled_from(sorted(PACKERS))


def unpack(packed: bytes, encoding: str, **options: int) -> bytes:
    return b"".join(unpacked([packed], encoding, name="site", **options))


@given(parts=st.lists(st.binary(), min_size=1, max_size=3), encoding=ENCODINGS, data=st.data())
def test_pieces_make_no_difference(parts: list[bytes], encoding: str, data: st.DataObject) -> None:
    """Members and frames may follow one another, and end anywhere in a piece."""
    packed = b"".join(map(PACKERS[encoding], parts))
    places = data.draw(st.lists(st.integers(0, len(packed))))
    assert b"".join(unpacked(pieces(packed, places), encoding, name="site")) == b"".join(parts)


@pytest.mark.parametrize("encoding", sorted(PACKERS))
@pytest.mark.parametrize("size", [0, 1, (1 << 17) - 1, 1 << 17, (1 << 17) + 1, 1 << 20])
def test_any_size_comes_whole(encoding: str, size: int) -> None:
    """Around the size of a step."""
    for content in (bytes(size), bytes(range(256)) * (size // 256)):
        assert unpack(PACKERS[encoding](content), encoding) == content


@pytest.mark.parametrize("encoding", sorted(PACKERS))
def test_no_truncation_ends_normally(encoding: str) -> None:
    """Whatever the byte: it was cut off, and may come whole the next time."""
    packed = PACKERS[encoding](b"some content " * 20)
    for end in range(1, len(packed)):
        with pytest.raises(Transient, match="cut off"):
            unpack(packed[:end], encoding)


@pytest.mark.parametrize("encoding", sorted(PACKERS))
def test_damage_is_told(encoding: str) -> None:
    """What cannot be unpacked is no content."""
    packed = bytearray(PACKERS[encoding](bytes(range(256)) * 20))
    for bad in (b"no such thing", bytes(packed[:10]) + b"\xff" * 50, bytes(packed) + b"trailing rubbish"):
        with pytest.raises(SourceError):
            unpack(bad, encoding)


@pytest.mark.parametrize("encoding", sorted(PACKERS))
def test_a_bomb_is_refused(encoding: str) -> None:
    """Trap: gzip bomb. There is an end to what is unpacked, and little of it is held at a time."""
    packed = PACKERS[encoding](bytes(100 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(Permanent, match="more than 67,108,864 bytes when unpacked"):
            for _ in unpacked([packed], encoding, name="site", most=64 << 20):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 48 << 20


def test_a_large_window_is_refused() -> None:
    """Zstandard may ask for as much memory as it likes; RFC 9659 says how much it gets."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(b"content") + packer.flush()
    with pytest.raises(Permanent, match="cannot be unpacked"):
        unpack(packed, "zstd")


def test_plain_content_has_a_limit_too() -> None:
    """Every network call has a size limit."""
    assert unpack(b"12345", "", most=5) == unpack(b"12345", "Identity", most=5) == b"12345"
    with pytest.raises(Permanent, match="more than 4 bytes"):
        unpack(b"12345", "", most=4)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "rot13"])
def test_what_was_not_asked_for_is_refused(encoding: str) -> None:
    """Content that nobody here can read is no content."""
    with pytest.raises(Permanent, match="was not asked for"):
        unpack(zlib.compress(b"x"), encoding)


def test_what_can_be_unpacked_is_asked_for() -> None:
    """Zstandard first, where its package is installed, as it is in tests."""
    assert encodings() == "zstd, gzip"
