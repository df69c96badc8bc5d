"""The time that a request may take, from the look-up of the host to the last byte of the answer."""

from __future__ import annotations

import socket
import ssl
import threading
from time import monotonic
from typing import Any, Final

import httpcore2

_TOGETHER: Final = 1 << 16


class Bounds(threading.local):
    """What the request that this thread sends has left, and what came of it.

    `is_new`: it has a connection of its own; `is_heard`: some of the answer has come.
    """

    end = 0.0
    is_new = False
    is_heard = False

    def begin(self, end: float) -> None:
        """A request begins; it may take until then."""
        self.end = end
        self.is_new = self.is_heard = False

    def left(self, late: type[httpcore2.TimeoutException]) -> float:
        """The seconds that are left; raises `late` where there are none."""
        left = self.end - monotonic()
        if left <= 0:
            raise late
        return left


class BoundedStream(httpcore2.NetworkStream):
    """A connection on which nothing takes longer than the request may: not byte by byte either."""

    def __init__(self, stream: httpcore2.NetworkStream, bounds: Bounds) -> None:
        self.stream = stream
        self.bounds = bounds
        self.socket: socket.socket = stream.get_extra_info("socket")
        self.waiting = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, once something has."""
        self._send()
        data = self.stream.read(max_bytes, self.bounds.left(httpcore2.ReadTimeout))
        if data:
            self.bounds.is_heard = True
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send it. The head of a request waits for its body, the end of which is written as nothing.

        Sent apart they would cost a call each, here and there.
        """
        self.waiting += buffer
        if not buffer or len(self.waiting) > _TOGETHER:
            self._send()

    def _send(self) -> None:
        """Send all that waits, however little of it the other side takes at a time."""
        view, self.waiting = memoryview(self.waiting), b""
        try:
            while view:
                self.socket.settimeout(self.bounds.left(httpcore2.WriteTimeout))
                view = view[self.socket.send(view) :]
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(error) from error
        except OSError as error:
            raise httpcore2.WriteError(error) from error

    def close(self) -> None:
        """Close it."""
        self.stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same connection, encrypted."""
        left = self.bounds.left(httpcore2.ConnectTimeout)
        return BoundedStream(self.stream.start_tls(ssl_context, server_hostname, left), self.bounds)

    def get_extra_info(self, info: str) -> Any:
        """What is known of it."""
        return self.stream.get_extra_info(info)
