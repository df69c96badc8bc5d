"""What a request must be like."""

from __future__ import annotations

import msgspec


class Malformed(Exception):
    """The request is answered with 400; the text says what is wrong with it."""


class TooMany(Exception):
    """The request is answered with 413."""


def decode(body: bytes) -> object:
    """The JSON value of a body; raises Malformed."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the body is no JSON: {error}") from error
