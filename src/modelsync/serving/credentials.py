"""What a request offers as its token (docs/reference/pull-protocol.md, "The request")."""

from __future__ import annotations

import base64
import binascii


def offered_tokens(authorization: str) -> list[str]:
    """The texts of an `Authorization` header that may be the token, without empty ones.

    A token may have colons in it, so a basic authentication is cut at its first and at its last one.
    """
    scheme, _, rest = authorization.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            texts = [_text(rest.strip().encode("latin-1", "replace"))]
        case "basic":
            texts = _basic(rest.strip())
        case _:
            texts = []
    return [text for text in dict.fromkeys(texts) if text]


def _basic(encoded: str) -> list[str]:
    try:
        pair = _text(base64.b64decode(encoded.encode("ascii"), validate=True))
    except (binascii.Error, UnicodeEncodeError):
        return []
    user, colon, password = pair.partition(":")
    if not colon:
        return []
    long_user, _, short_password = pair.rpartition(":")
    return [user, password, long_user, short_password]


def _text(raw: bytes) -> str:
    """UTF-8, as today's clients send it, or Latin-1, as old ones do."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
