"""What stands before a broker, and cuts its connections, or falls silent."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_STEP = 1 << 14


class Relay:
    """Passes on what comes, as a context manager; with `is_silent` it takes calls and says nothing.

    Args:
        address: of the broker, as Celery has it.
        is_silent: from the beginning.
    """

    def __init__(self, address: str, *, is_silent: bool = False) -> None:
        self._parts = urlsplit(address)
        self.is_silent = is_silent
        self.calls = 0

    @property
    def address(self) -> str:
        """The broker's address through this."""
        login, at, _ = self._parts.netloc.rpartition("@")
        port = self._socket.getsockname()[1]
        return urlunsplit(self._parts._replace(netloc=f"{login}{at}127.0.0.1:{port}"))

    def cut(self) -> None:
        """End all connections."""
        with self._lock:
            ending, self._open = self._open, []
        for each in ending:
            # It may be connected no more.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def swallow(self) -> None:
        """From now on nothing passes through the connections that are there, and they stay open."""
        with self._lock:
            self._swallowed |= set(self._open)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._ends: list[socket.socket] = []
        self._swallowed: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._is_closing = False
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_closing = True
        # Closing a socket does not wake who waits in it; a call does.
        socket.create_connection(self._socket.getsockname()).close()
        self._listener.join()
        self.cut()
        for thread in self._threads:
            thread.join()
        for each in (*self._ends, self._socket):
            each.close()

    def _listen(self) -> None:
        while True:
            caller, _ = self._socket.accept()
            if self._is_closing:
                caller.close()
                return
            self.calls += 1
            ends = [caller]
            if not self.is_silent:
                ends.append(socket.create_connection((self._parts.hostname, self._parts.port)))
            with self._lock:
                self._open += ends
            self._ends += ends
            for source, drain in ((ends[0], ends[-1]), (ends[-1], ends[0])):
                thread = threading.Thread(target=self._pump, args=(source, drain), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, drain: socket.socket) -> None:
        # One of the two may have gone away: that is what is tested.
        with suppress(OSError):
            while piece := source.recv(_STEP):
                if source is not drain and source not in self._swallowed:
                    drain.sendall(piece)
        with suppress(OSError):
            drain.shutdown(socket.SHUT_RDWR)
