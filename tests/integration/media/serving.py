"""A media server on loopback: a folder's files, with or without ranges."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote


@dataclass
class MediaServer:
    """What it serves under `/media/`, and what it was asked: path and headers of each request.

    `etags` and `ranges` say what it can do. `changes` are headers that answers with a part have
    instead, `headers` those of every one. With `moved`, names are redirected to that address and the name
    added to it. After `held` bytes of a body it waits until `go_on` is set; `holding` tells that it does.
    """

    root: Path
    etags: bool = True
    ranges: bool = True
    lengths: bool = True
    changes: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    moved: str | None = None
    drip: float = 0.0
    held: int | None = None
    holding: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0

    @property
    def url(self) -> str:
        """Where the media are."""
        return f"http://{self.host}:{self.port}/media/"

    def put(self, name: str, content: bytes) -> bytes:
        """Have a file there."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return content

    def paths(self) -> list[str]:
        """The paths that were asked for."""
        return [path for path, _ in self.asked]

    def ranges_asked(self) -> list[str | None]:
        """What part each request wanted."""
        return [headers.get("Range") for _, headers in self.asked]


class _Handler(BaseHTTPRequestHandler):
    media: MediaServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.media.asked.append((self.path, {name.title(): value for name, value in self.headers.items()}))
        if self.media.moved is not None:
            self._redirect(self.media.moved + self.path.removeprefix("/media/"))
            return
        file = self.media.root / unquote(self.path.partition("?")[0].removeprefix("/media/"))
        if not file.is_file():
            self.send_error(404)
            return
        content = file.read_bytes()
        etag = f'"{hashlib.md5(content).hexdigest()}"'
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        first = int(wanted[1]) if wanted and self.media.ranges else 0
        if first and self.headers.get("If-Range") not in (None, etag) and not self.media.changes:
            first = 0
        if first > len(content) - 1 and first:
            self.send_error(416)
            return
        headers = {"Content-Length": str(len(content) - first)} if self.media.lengths else {}
        headers |= {"ETag": etag} if self.media.etags else {}
        if first:
            headers["Content-Range"] = f"bytes {first}-{len(content) - 1}/{len(content)}"
            headers |= self.media.changes
        self.send_response(206 if first else 200)
        for name, value in (headers | self.media.headers).items():
            self.send_header(name, value)
        if not self.media.lengths:
            self.send_header("Connection", "close")
        self.end_headers()
        self._send(content[first:])

    def _redirect(self, location: str) -> None:
        self.send_response(302)
        for name, value in ({"Location": location, "Content-Length": "0"} | self.media.headers).items():
            self.send_header(name, value)
        self.end_headers()

    def _send(self, content: bytes) -> None:
        if self.media.drip:
            for byte in content:
                self.wfile.write(bytes([byte]))
                self.media.go_on.wait(self.media.drip)
            return
        held = self.media.held
        if held is None or held >= len(content):
            self.wfile.write(content)
            return
        self.wfile.write(content[:held])
        self.media.holding.set()
        self.media.go_on.wait(60)
        self.wfile.write(content[held:])

    def log_message(self, *args: object) -> None:
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False

    def handle_error(self, *args: Any) -> None:
        """A client that goes away is what is tested."""


@contextmanager
def media_server(root: Path, host: str = "127.0.0.1") -> Iterator[MediaServer]:
    """The server of a folder, which is made."""
    root.mkdir(parents=True, exist_ok=True)
    media = MediaServer(root, host=host)
    handler = type("Handler", (_Handler,), {"media": media, "timeout": 5})
    with _Server((host, 0), handler) as httpd:
        media.port = httpd.server_address[1]
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield media
        finally:
            media.go_on.set()
            httpd.shutdown()
            thread.join()
