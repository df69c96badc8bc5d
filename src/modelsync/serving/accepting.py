"""What a request accepts: the version of the protocol, and the compression."""

from __future__ import annotations

from collections.abc import Sequence

from modelsync.formats.wire import NDJSON


def wants_lines(accept: str) -> bool:
    """Whether an `Accept` header names version 2."""
    return _weights(accept).get(NDJSON, 0.0) > 0


def choose_encoding(accept_encoding: str, available: Sequence[str]) -> str | None:
    """The best of the available encodings, the earlier of two equal ones; None for no compression."""
    weights = _weights(accept_encoding)
    rest = weights.get("*", 0.0)
    plain = weights.get("identity", 0.0)
    best, weight = None, 0.0
    for name in available:
        if weights.get(name, rest) > weight:
            best, weight = name, weights.get(name, rest)
    return best if weight >= plain else None


def _weights(header: str) -> dict[str, float]:
    """The parts of such a header, in lower case, with their `q` (0 where it is no number)."""
    weights: dict[str, float] = {}
    for part in header.lower().split(","):
        name, *parameters = (text.strip() for text in part.split(";"))
        if name:
            weights[name] = _quality(parameters)
    return weights


def _quality(parameters: Sequence[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
