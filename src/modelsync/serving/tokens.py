"""Who may read: the tokens of a route, as text or hashed, each for every path or for some."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, TypeAlias

from modelsync.core.errors import ConfigurationError

#: One token, several (while one replaces the other), or each with the paths that it may read ("*": all).
Tokens: TypeAlias = "str | Sequence[str] | Mapping[str, str | Sequence[str]]"

_HASHED: Final = "sha256$"
_SETTING: Final = "SYNCTOOL_API_TOKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """The SHA-256 of a token, and the paths that it may read; None for all."""

    digest: bytes
    paths: frozenset[str] | None = None

    def reaches(self, path: str) -> bool:
        """Whether it may read this path."""
        return self.paths is None or path in self.paths


def hash_token(token: str) -> str:
    """What to store instead of a token: `sha256$` and the digest in hex."""
    return _HASHED + hashlib.sha256(token.encode()).hexdigest()


def read_tokens(given: object, paths: Iterable[str]) -> tuple[Token, ...]:
    """The tokens of a route that serves `paths`; raises ConfigurationError where there are none."""
    scoped: Mapping[object, object]
    if isinstance(given, Mapping):
        scoped = given
    elif isinstance(given, str) or given is None:
        scoped = {given: "*"}
    elif isinstance(given, Iterable):
        scoped = dict.fromkeys(given, "*")
    else:
        raise ConfigurationError(f"a Route's token must be a text, not {type(given).__name__}")
    if not scoped:
        raise ConfigurationError(_missing())
    known = tuple(paths)
    return tuple(Token(digest=_digest(token), paths=_scope(scope, known)) for token, scope in scoped.items())


def is_allowed(offered: Iterable[str], tokens: Sequence[Token], path: str) -> bool:
    """Whether one of the offered texts is a token for this path.

    Digests are compared, each with each and to the end, so that the time tells nothing.
    """
    allowed = False
    for text in offered:
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        for token in tokens:
            same = hmac.compare_digest(digest, token.digest)
            allowed |= same and token.reaches(path)
    return allowed


def _digest(token: object) -> bytes:
    if token is None or token == "":
        raise ConfigurationError(_missing())
    if not isinstance(token, str):
        raise ConfigurationError(f"a Route's token must be a text, not {type(token).__name__}")
    if not token.startswith(_HASHED):
        return hashlib.sha256(token.encode()).digest()
    digest = token.removeprefix(_HASHED)
    if not re.fullmatch(r"[0-9a-fA-F]{64}", digest):
        raise ConfigurationError(
            f"a Route's token begins with {_HASHED} but is no hash of a token; make one with "
            "modelsync.serving.hash_token(token)"
        )
    return bytes.fromhex(digest)


def _scope(scope: object, known: Sequence[str]) -> frozenset[str] | None:
    if scope == "*":
        return None
    if isinstance(scope, str) or not isinstance(scope, Iterable):
        raise ConfigurationError(f"the paths of a Route's token must be a list or '*', not {scope!r}")
    paths = frozenset(str(path).strip("/") for path in scope)
    for path in sorted(paths - set(known)):
        near = get_close_matches(path, known, n=1)
        meant = f"did you mean {near[0]!r}?" if near else f"its paths are {', '.join(known) or 'none'}"
        raise ConfigurationError(f"a Route's token is for {path!r}, which the route does not serve; {meant}")
    return paths


def _missing() -> str:
    return (
        "a Route has no token, and without one it serves nothing: "
        f"set {_SETTING} in the settings, or give Route(api_token=...)"
    )
