"""A JSON array of objects, as the text comes in: one object at a time, by the standard library.

Integers keep every digit; NaN and infinity are refused.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Final, NoReturn

from modelsync.core.errors import Permanent
from modelsync.sources.site.blocks import LONGEST

_SPACE: Final = re.compile(r"[ \t\n\r]*")
# What is cut off is told at most so far before the end: a literal, an escape.
_EDGE: Final = 16


def objects(pieces: Iterable[bytes], *, name: str, longest: int = LONGEST) -> Iterator[dict[str, object]]:
    """The objects of the array. Raises Permanent for what is no complete array of objects."""
    text = _Text(pieces, name, longest)
    if text.peek() != "[":
        text.fail("it is no array" if text.peek() else "it is empty")
    text.skip()
    if text.peek() != "]":
        yield text.object()
        while text.peek() == ",":
            text.skip()
            yield text.object()
    if text.peek() != "]":
        text.fail("something else stands where an object should end" if text.peek() else "it was cut off")
    text.skip()
    if text.peek():
        text.fail("something comes after it")


class _Text:
    """The text that has come and is not read yet, from `place` in the buffer on."""

    def __init__(self, pieces: Iterable[bytes], name: str, longest: int) -> None:
        self.name = name
        self.longest = longest
        self.number = 0
        self.buffer = ""
        self.place = 0
        self.pieces = self._decoded(pieces)
        self.decode = json.JSONDecoder(parse_float=_finite, parse_constant=_refused).raw_decode

    def peek(self) -> str:
        """The next character that is no white space; none at the end."""
        while True:
            found = _SPACE.match(self.buffer, self.place)
            self.place = found.end() if found else self.place
            if self.place < len(self.buffer):
                return self.buffer[self.place]
            if not self._fill(1):
                return ""

    def skip(self) -> None:
        """Go past that character."""
        self.place += 1

    def object(self) -> dict[str, object]:
        """The object that begins here, and go past it."""
        self.number += 1
        if self.peek() != "{":
            self.fail("it is no object" if self.peek() else "it was cut off")
        while True:
            try:
                value, self.place = self.decode(self.buffer, self.place)
            except json.JSONDecodeError as error:
                self._more(error)
            except (ValueError, RecursionError) as error:
                self.fail(str(error), error)
            else:
                found: dict[str, object] = value
                return found

    def fail(self, why: str, cause: Exception | None = None) -> NoReturn:
        """Raise Permanent; what it is about is the object that was read last, if any."""
        about = f"object {self.number} of {self.name}" if self.number else self.name
        raise Permanent(f"{about} is no complete JSON: {why}") from cause

    def _more(self, error: json.JSONDecodeError) -> None:
        """Fetch more text where the object only ends too early; it is read again when it is twice as long."""
        is_cut = error.msg.startswith("Unterminated string") or error.pos > len(self.buffer) - _EDGE
        size = len(self.buffer) - self.place
        if not is_cut:
            self.fail(error.msg, error)
        if size > self.longest:
            self.fail(f"it has more than {self.longest:,} characters", error)
        if not self._fill(2 * size):
            self.fail("it was cut off", error)

    def _fill(self, size: int) -> bool:
        """Have `size` characters that are not read yet, or what there is; whether anything was added."""
        parts = [self.buffer[self.place :]]
        length = before = len(parts[0])
        for part in self.pieces:
            parts.append(part)
            length += len(part)
            if length >= size:
                break
        self.buffer, self.place = "".join(parts), 0
        return length > before

    def _decoded(self, pieces: Iterable[bytes]) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for piece in pieces:
                yield decoder.decode(piece)
            yield decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            self.fail(f"it is not in UTF-8 ({error.reason})", error)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is out of range")
    return number


def _refused(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")
