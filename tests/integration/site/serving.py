"""A small server that answers as it is told, in place of a site with a Route."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from modelsync.formats.wire import NDJSON


@dataclass
class Answering:
    """What the server answers, and what it was asked: path and headers of each request.

    `framing` says how the end of the body is known: by its `length`, by `chunks`, or by the `close`
    of the connection.
    """

    body: bytes = b""
    media_type: str | None = NDJSON
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    framing: str = "length"
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def authorizations(self) -> list[str | None]:
        """What each request had to show."""
        return [headers.get("Authorization") for _, headers in self.asked]


class _Handler(BaseHTTPRequestHandler):
    answering: Answering
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        what = self.answering
        what.asked.append((self.path, dict(self.headers)))
        self.send_response(what.status)
        if what.media_type is not None:
            self.send_header("Content-Type", what.media_type)
        for name, value in what.headers.items():
            self.send_header(name, value)
        if what.framing == "length":
            self.send_header("Content-Length", str(len(what.body)))
        elif what.framing == "chunks":
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.close_connection = True
        self.end_headers()
        try:
            self._send(what.body, chunked=what.framing == "chunks")
        except ConnectionError:
            self.close_connection = True

    def _send(self, body: bytes, *, chunked: bool) -> None:
        for start in range(0, len(body), 1000):
            piece = body[start : start + 1000]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, *args: Any) -> None:
        """A client that goes away is what is tested."""


@contextmanager
def serving(**what: Any) -> Iterator[Answering]:
    """A server on loopback; what it answers can be changed at any time."""
    answering = Answering(**what)
    handler = type("Handler", (_Handler,), {"answering": answering, "timeout": 5})
    with _Server(("127.0.0.1", 0), handler) as httpd:
        answering.port = httpd.server_address[1]
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield answering
        finally:
            httpd.shutdown()
            thread.join()
