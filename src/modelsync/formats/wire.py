"""Version 2 of the pull protocol: its header, object and end lines (docs/reference/pull-protocol.md)."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

VERSION: Final = 2
#: The media types of both versions.
NDJSON: Final = "application/x-ndjson"
JSON: Final = "application/json"


class ModelHeader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model of a stream: the names of its values, in their order."""

    model: str
    fields: tuple[str, ...]
    many: tuple[str, ...] = ()
    implied: bool = False


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. `count` is how many objects follow, where that is known."""

    modelsync: int
    models: tuple[ModelHeader, ...]
    fingerprint: str
    count: int | None = None


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The last line: how many objects came before it, and where the next stream may go on."""

    end: bool = True
    count: int
    cursor: dict[str, object] | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The last line of a stream that its server could not finish."""

    error: str


def make_header(models: tuple[ModelHeader, ...], count: int | None) -> Header:
    """The header of a stream of these models."""
    return Header(modelsync=VERSION, models=models, fingerprint=fingerprint(models), count=count)


def fingerprint(models: tuple[ModelHeader, ...]) -> str:
    """What tells two layouts of streams apart: SHA-256, in hex."""
    canonical = msgspec.json.encode(models, order="sorted")
    return hashlib.sha256(canonical).hexdigest()


def encode_line(line: Header | End | Failure) -> bytes:
    """A line that is no object, with its line feed."""
    return msgspec.json.encode(line) + b"\n"
