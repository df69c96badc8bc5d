"""A stream of bytes as blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from modelsync.core.errors import Permanent

#: Bytes that a line may have.
LONGEST: Final = 64 << 20


def blocks(pieces: Iterable[bytes], *, name: str, longest: int = LONGEST) -> Iterator[bytes]:
    """Blocks that end with a line feed; only the last one may lack it, where the stream was cut off.

    Raises Permanent for a line that is longer than `longest` bytes and than a piece.
    """
    kept: list[bytes] = []
    size = 0
    for piece in pieces:
        first = piece.find(b"\n")
        if size + (len(piece) if first < 0 else first) > longest:
            raise Permanent(
                f"{name} sends a line of more than {longest:,} bytes; that is no answer of a route"
            )
        if first < 0:
            kept.append(piece)
            size += len(piece)
            continue
        cut = piece.rfind(b"\n") + 1
        kept.append(piece[:cut])
        yield b"".join(kept)
        kept = [piece[cut:]] if cut < len(piece) else []
        size = len(piece) - cut
    if size:
        yield b"".join(kept)
