"""What can go wrong with a request, and when. Requests are counted from 1, as `Faults.asked` tells."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Says:
    """Something else is said instead of the answer."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset before anything is said."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection ends after some bytes of the body, fewer than were announced."""

    after: int = 20


@dataclass(frozen=True, slots=True)
class Slow:
    """The answer comes after some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TooComplex:
    """The query is refused as if it cost more than it may."""


Fault: TypeAlias = Says | Reset | Cut | Slow | TooComplex


def failing(status: int = 500) -> Says:
    """An error of the server, without a word that is of use."""
    return Says(status, b'{"error": "something went wrong"}')


def rate_limited(reset: int = 1) -> Says:
    """Too many requests: ask again in `reset` seconds."""
    error = {
        "id": "rate-limited",
        "type": "api_error",
        "attributes": {"code": "RATE_LIMIT_EXCEEDED", "details": {"reset_in_seconds": reset}},
    }
    headers = {"X-RateLimit-Limit": "40", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}
    return Says(429, json.dumps({"data": [error]}).encode(), headers=headers)


def garbage() -> Says:
    """What calls itself JSON and is none."""
    return Says(200, b'{"data": {"allBlogPosts": [{"id": ')


def html_page(status: int = 200) -> Says:
    """The page of a proxy in between."""
    return Says(status, b"<!doctype html><title>Just a moment</title>", "text/html; charset=utf-8")


class Faults:
    """The faults of requests to come."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._at: dict[int, Fault] = {}
        self._before: dict[int, list[Callable[[], object]]] = {}
        self._always: Fault | None = None
        #: Requests so far.
        self.asked = 0

    def next(self, *faults: Fault | None) -> None:
        """What happens to the next requests, one after the other; None is no fault."""
        with self._lock:
            for number, fault in enumerate(faults, self.asked + 1):
                if fault is not None:
                    self._at[number] = fault

    def at(self, number: int, fault: Fault) -> None:
        """What happens to the n-th request from now; 1 is the next."""
        with self._lock:
            self._at[self.asked + number] = fault

    def always(self, fault: Fault) -> None:
        """What happens to every request until `clear()`."""
        self._always = fault

    def before(self, number: int, act: Callable[[], object]) -> None:
        """Call something right before the n-th request from now is answered, as an edit between pages."""
        with self._lock:
            self._before.setdefault(self.asked + number, []).append(act)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._at.clear()
            self._before.clear()
            self._always = None

    def begin(self) -> tuple[int, Fault | None]:
        """A request has come: do what is to be done before it, and give its number and its fault."""
        with self._lock:
            self.asked += 1
            number = self.asked
            acts = self._before.pop(number, ())
            fault = self._at.pop(number, None)
        for act in acts:
            act()
        return number, fault or self._always
