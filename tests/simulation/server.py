"""The applications behind real HTTP, with faults of their own."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Event, Lock, Thread
from typing import Any

from modelsync.push.delivery.transport import Request
from tests.simulation.receiver import Letter, Receiver

_FAULTS = ("reset", "reset", "lost answer", "lost answer", "500", "429", "delay", "late", "twice")


class Server(ThreadingHTTPServer):
    """Receivers by the names that addresses end with. While it `fails`, every other request does."""

    daemon_threads = True

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.random = Random(seed)
        self.receivers: dict[str, Receiver] = {}
        self.fails = Event()
        #: Answers wait while this is not set; `asked` says that somebody waits for one.
        self.answers, self.asked = Event(), Event()
        self.answers.set()
        self.lock = Lock()

    def url(self, name: str) -> str:
        """The address of an application."""
        return f"http://127.0.0.1:{self.server_port}/{name}"

    def handle_error(self, *_: Any) -> None:
        """Whoever called is gone: that is what is simulated."""

    def fault(self, is_old: bool) -> str:
        """What happens to a request, if anything. On version 1 nothing can be late: see visits.py."""
        if not self.fails.is_set() or self.random.random() < 0.5:
            return ""
        return self.random.choice(_FAULTS[:6] if is_old else _FAULTS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        """One request."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        letter = Letter(Request(url=self.path, headers={}, body=body), {})
        receiver = self.server.receivers[self.path.strip("/")]
        with self.server.lock:
            fault = self.server.fault(is_old=b'"changes"' not in body)
        if fault == "delay":
            time.sleep(0.2)
        status, said = self._take(receiver, letter, fault)
        if not status:
            return self._reset()
        self.server.asked.set()
        self.server.answers.wait()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
        return None

    def _take(self, receiver: Receiver, letter: Letter, fault: str) -> tuple[int, bytes]:
        """The status and what is said; 0 where nobody answers."""
        with self.server.lock:
            if fault in ("500", "429"):
                return int(fault), b""
            if fault in ("late", "twice"):
                receiver.late.append(letter)
            if fault in ("reset", "late") or self._is_gone():
                return 0, b""
            answer = receiver.take(letter)
            if receiver.late and self.server.random.random() < 0.3:
                receiver.take(receiver.late.pop(0))
            return (0 if fault == "lost answer" else answer.status), answer.body

    def _is_gone(self) -> bool:
        """Whether whoever sent this waits no more: then it may have been sent again by now."""
        self.connection.setblocking(False)
        try:
            return self.connection.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            self.connection.setblocking(True)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name
        """Nobody reads it."""


@contextmanager
def serving(seed: int) -> Iterator[Server]:
    """A server that runs."""
    server = Server(seed)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.answers.set()
        server.shutdown()
        server.server_close()
        thread.join()


def unequal(wanted: Mapping[Any, Any], there: Mapping[Any, Any]) -> list[str]:
    """What is otherwise."""
    return [
        f"{place}: {there.get(place)}\n  and not {wanted.get(place)}"
        for place in sorted({*wanted, *there})
        if wanted.get(place) != there.get(place)
    ]
