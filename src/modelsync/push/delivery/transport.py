"""What delivery asks of a network: a request goes out, an answer comes back. No Django, no HTTP library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is posted, and where to. The transport adds `Host`, `Content-Length` and `User-Agent`."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: any status; the names of headers are in lower case.

    Of a long answer that is no success, `body` is the beginning. `seconds` passed from the call to the end
    of the answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


class Transport(Protocol):
    """Sends requests to one application. Several threads may use it at the same time."""

    def post(self, request: Request) -> Answer:
        """Send it.

        Raises Transient where nothing came back and another try may help, and Permanent where a person has
        to do something first: the address is none, or in a private network, the certificate is not
        trusted, a file of certificates cannot be read.
        """
        ...

    def close(self) -> None:
        """Close its connections."""
        ...
