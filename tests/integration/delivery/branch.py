"""A real HTTP server that takes version 1 of the wire, and answers as it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Branch:
    """What came, in order. `answers` are given, by an object's name, in place of a success."""

    url: str
    keys: list[str] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    answers: dict[str, tuple[int, object]] = field(default_factory=dict)

    def take(self, key: str, body: dict[str, Any]) -> tuple[int, object]:
        """One request."""
        self.keys.append(key)
        answer = self.answers.get(body["data"].get("name", ""))
        if answer is not None:
            return answer
        self.taken.append(body)
        return 200, {"success": True}


@contextmanager
def branch() -> Iterator[Branch]:
    """It listens on 127.0.0.1 until the end."""
    made = Branch(url="")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, said = made.take(self.headers["Authorization"], body)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002  # its name there

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}/push/"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
