"""The encoding of a text, found by its first bytes or, where needed, by all of it."""

from __future__ import annotations

import codecs
from typing import BinaryIO, Final

from modelsync.core.errors import ConfigurationError, Permanent

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BLOCK: Final = 1 << 20
_SAMPLE: Final = 1 << 16


def check_encoding(name: str) -> str:
    """The name, if Python knows the encoding."""
    try:
        return codecs.lookup(name).name
    except LookupError:
        raise ConfigurationError(f"there is no encoding {name!r}; try utf-8, cp1252 or utf-16") from None


def find_encoding(file: BinaryIO, name: str) -> tuple[str, str | None]:
    """The encoding of a file, and what to tell the user about it when it was guessed.

    A byte order mark decides; then UTF-16 without one, by its NUL bytes; then UTF-8, if all bytes
    are. What is left is a one-byte encoding: cp1252 if it knows all bytes, else what
    charset-normalizer says. Reads the file to its end unless a mark decides.
    """
    sample = file.read(_SAMPLE)
    for mark, encoding in _BOMS:
        if sample.startswith(mark):
            return encoding, None
    if wide := _wide(sample):
        return wide, f"{name} has no byte order mark; it was read as {wide}"
    odd = _not_utf8(sample, file)
    if odd is None:
        return "utf-8", None
    try:
        odd.decode("cp1252")
    except UnicodeDecodeError:
        encoding = _guess(odd, name)
    else:
        encoding = "cp1252"
    return encoding, f"{name} is no UTF-8; it was read as {encoding} (say --encoding if that is wrong)"


def _wide(sample: bytes) -> str | None:
    """UTF-16 by its NUL bytes: Western text has one in every other place."""
    half = len(sample) // 2
    if half < 2:
        return None
    if sample[1::2].count(0) > half * 0.4 and sample[::2].count(0) < half * 0.1:
        return "utf-16-le"
    if sample[::2].count(0) > half * 0.4 and sample[1::2].count(0) < half * 0.1:
        return "utf-16-be"
    return None


def _not_utf8(block: bytes, file: BinaryIO) -> bytes | None:
    """The first block that is no UTF-8; None if all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    while block:
        try:
            if not block.isascii() or decoder.getstate()[0]:
                decoder.decode(block)
        except UnicodeDecodeError:
            return block
        block = file.read(_BLOCK)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return bytes(error.object)
    return None


def _guess(sample: bytes, name: str) -> str:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        raise ConfigurationError(
            f"the encoding of {name} is not clear; say it with --encoding, or install "
            f"django-modelsync[csv] to have it guessed"
        ) from None
    best = from_bytes(sample[:_SAMPLE]).best()
    if best is None:
        raise Permanent(f"the encoding of {name} cannot be found out; say it with --encoding")
    return best.encoding
