"""The encoding of a text, found by its first bytes or, where needed, by all of it."""

from __future__ import annotations

import codecs
import io
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.formats.table import Document

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer as Buffer

# The long ones first: the mark of UTF-32 begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
MARK: Final = "\ufeff"
_BLOCK: Final = 1 << 20
_SAMPLE: Final = 1 << 16


def text_encoding(document: Document) -> tuple[str, str | None]:
    """The encoding of a text: what the user says, or what is found; and what to tell the user.

    A byte order mark stays in the text as its first character (`MARK`).
    """
    if document.reading.encoding is None:
        with document.reopen() as file:
            return find_encoding(file, document.name)
    given = _known(document.reading.encoding)
    if given in ("utf-16", "utf-32"):
        with document.reopen() as file:
            sample = file.read(_SAMPLE)
        return _marked(sample) or _wide(sample) or f"{given}-le", None
    return given.removesuffix("-sig"), None


def in_utf8(document: Document) -> BinaryIO:
    """The document's bytes in UTF-8 without a byte order mark, for formats that know no other."""
    encoding, mark = "utf-8", None
    with document.reopen() as file:
        mark = _marked(file.read(4))
    if document.reading.encoding is not None:
        encoding = _known(document.reading.encoding).removesuffix("-sig")
    if mark and (document.reading.encoding is None or mark.startswith(encoding)):
        encoding = mark
        document.file.read(len(MARK.encode(mark)))
    if encoding == "utf-8":
        return document.file
    return cast(BinaryIO, io.BufferedReader(_InUtf8(document.file, encoding), _BLOCK))


def find_encoding(file: BinaryIO, name: str) -> tuple[str, str | None]:
    """The encoding of a file, and what to tell the user about it when it was guessed.

    A byte order mark decides; then UTF-16 without one, by its NUL bytes; then UTF-8, if all bytes
    are. What is left is a one-byte encoding: cp1252 if it knows all bytes, else what
    charset-normalizer says. Reads the file to its end unless a mark decides.

    Raises Permanent for a file that is UTF-8 only at first: half of it would be read wrongly.
    """
    sample = file.read(_SAMPLE)
    if marked := _marked(sample):
        return marked, None
    if wide := _wide(sample):
        return wide, f"{name} has no byte order mark; it was read as {wide} (say --encoding if that is wrong)"
    odd = _not_utf8(sample, file, name)
    if odd is None:
        return "utf-8", None
    encoding = "cp1252" if _is_cp1252(odd, file) else _guess(odd, name)
    return encoding, f"{name} is no UTF-8; it was read as {encoding} (say --encoding if that is wrong)"


def misread_line(file: BinaryIO, encoding: str) -> int:
    """The line, from 1, with the first bytes that are no text of an encoding."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    line, block = 1, b"-"
    while block:
        block = file.read(_BLOCK)
        try:
            line += decoder.decode(block, final=not block).count("\n")
        except UnicodeDecodeError as error:
            text = bytes(error.object)[: error.start].decode(encoding)
            return line + text.replace("\r\n", "\n").replace("\r", "\n").count("\n")
    return line


class _InUtf8(io.RawIOBase):
    """Bytes of another encoding, read as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.file = file
        self.decoder = codecs.getincrementaldecoder(encoding)()
        self.ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, into: Buffer) -> int:
        view = memoryview(into).cast("B")
        block = b"-"
        while not self.ready and block:
            block = self.file.read(_SAMPLE)
            self.ready = self.decoder.decode(block, final=not block).encode()
        part, self.ready = self.ready[: len(view)], self.ready[len(view) :]
        view[: len(part)] = part
        return len(part)


def _known(name: str) -> str:
    """Python's name of an encoding."""
    try:
        "".encode(name)
        return codecs.lookup(name).name
    except (LookupError, ValueError):
        raise ConfigurationError(f"there is no encoding {name!r}; try utf-8, cp1252 or utf-16") from None


def _marked(sample: bytes) -> str | None:
    return next((encoding for mark, encoding in _MARKS if sample.startswith(mark)), None)


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


def _not_utf8(block: bytes, file: BinaryIO, name: str) -> bytes | None:
    """The first block that is no UTF-8; None if all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_plain = True
    ended = False
    while not ended:
        ended = not block
        if block.isascii() and not decoder.getstate()[0]:
            block = file.read(_BLOCK)
            continue
        try:
            decoder.decode(block, final=ended)
        except UnicodeDecodeError as error:
            odd = bytes(error.object)
            if not is_plain or not odd[: error.start].isascii():
                raise Permanent(
                    f"{name} is UTF-8 at first and then not any more: it is damaged, or put together from "
                    f"texts of different encodings; mend it, or say --encoding"
                ) from error
            return odd
        is_plain = False
        block = file.read(_BLOCK)
    return None


def _is_cp1252(block: bytes, file: BinaryIO) -> bool:
    try:
        while block:
            block.decode("cp1252")
            block = file.read(_BLOCK)
    except UnicodeDecodeError:
        return False
    return True


def _guess(sample: bytes, name: str) -> str:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        raise ConfigurationError(
            f"the encoding of {name} is not clear; say it with --encoding, or have it guessed: "
            f"pip install 'django-modelsync[csv]'"
        ) from None
    best = from_bytes(sample[:_SAMPLE]).best()
    if best is None:
        raise Permanent(f"the encoding of {name} cannot be found out; say it with --encoding")
    return best.encoding
