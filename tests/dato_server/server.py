"""The server: HTTP with kept connections, faults, and a log of what was asked."""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, RLock, Thread
from typing import Any, Final
from urllib.parse import unquote

from tests.dato_server.answers import Answer, Question, answer, not_found, too_complex
from tests.dato_server.content import Upload
from tests.dato_server.editing import Editor
from tests.dato_server.faults import Cut, Fault, Faults, Reset, Says, Slow, TooComplex
from tests.dato_server.site import Site

#: What a query costs that is refused without being looked at.
_DEAR: Final = 99_999_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to the API and what came of it. `status` is 0 where the connection was reset."""

    number: int
    query: str
    variables: Mapping[str, Any]
    headers: Mapping[str, str]
    status: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    complexity: int | None = None
    records: tuple[str, ...] = ()
    fault: Fault | None = None


class Server(ThreadingHTTPServer):
    """Serves a site. `url` is the endpoint of the API; `log` has what was asked, oldest first."""

    daemon_threads = True

    def __init__(self, site: Site, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.site = site
        self.faults = Faults()
        #: Faults of downloads of assets.
        self.asset_faults = Faults()
        self.log: list[Asked] = []
        #: Paths of the assets that were asked for.
        self.downloads: list[str] = []
        #: Errors that were raised here; `serving` raises them in the end.
        self.defects: list[Exception] = []
        self.ends = Event()
        self.lock = RLock()

    @property
    def address(self) -> str:
        """Where the server is, without a slash at the end."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def url(self) -> str:
        """Where queries go."""
        return f"{self.address}/"

    def edit(self, environment: str | None = None) -> Editor:
        """An editor of the primary environment, or another."""
        return Editor(self.site, environment)

    def forget(self) -> None:
        """Empty the log."""
        with self.lock:
            self.log.clear()
            self.downloads.clear()

    def note(self, asked: Asked) -> None:
        """Remember a request."""
        with self.lock:
            self.log.append(asked)

    def asset(self, path: str) -> Upload | None:
        """The asset at a path, in whichever environment."""
        with self.site.lock:
            for environment in self.site.environments.values():
                for contents in filter(None, (environment.contents, environment.held)):
                    for upload in contents.uploads.values():
                        if upload.path == path:
                            return upload
        return None

    def handle_error(self, *_: Any) -> None:
        """Whoever called may be gone: that is what is tested. All else is a defect of the server."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.defects.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_POST(self) -> None:
        """A query."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.split("?")[0] != "/":
            return self._send(not_found(self.server.site))
        number, fault = self.server.faults.begin()
        question = Question.read(body)
        asked = Asked(
            number=number,
            query=question.query if question else "",
            variables=question.variables if question else {},
            headers=dict(self.headers.items()),
            bytes_in=len(body),
            fault=fault,
        )
        said = self._answer(question, fault)
        if said is not None:
            asked = replace(
                asked,
                status=said.status,
                bytes_out=len(said.body),
                complexity=said.complexity,
                records=said.records,
            )
        self.server.note(asked)
        return self._end(said, fault)

    def do_GET(self) -> None:
        """An asset."""
        path = unquote(self.path.split("?")[0])
        upload = self.server.asset(path)
        if upload is None:
            return self._send(not_found(self.server.site))
        _, fault = self.server.asset_faults.begin()
        self.server.downloads.append(path)
        headers = {"ETag": f'"{upload.md5}"', "Cache-Control": "public, max-age=31536000"}
        whole = Answer(body=upload.data, content_type=upload.mime_type, headers=headers)
        return self._end(self._instead(fault, whole), fault)

    def _answer(self, question: Question | None, fault: Fault | None) -> Answer | None:
        site = self.server.site
        if isinstance(fault, Reset | Says):
            return self._instead(fault, None)
        if isinstance(fault, TooComplex):
            return too_complex(site, _DEAR)
        if isinstance(fault, Slow):
            self.server.ends.wait(fault.seconds)
        return answer(site, dict(self.headers.items()), question, self.server.address)

    def _instead(self, fault: Fault | None, whole: Answer | None) -> Answer | None:
        match fault:
            case Says():
                return Answer(
                    status=fault.status,
                    body=fault.body,
                    content_type=fault.content_type,
                    headers=fault.headers,
                )
            case Reset():
                return None
            case Slow() if whole:
                self.server.ends.wait(fault.seconds)
        return whole

    def _end(self, said: Answer | None, fault: Fault | None) -> None:
        if said is None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self._send(said, most=fault.after if isinstance(fault, Cut) else None)

    def _send(self, said: Answer, most: int | None = None) -> None:
        self.send_response(said.status)
        self.send_header("Content-Type", said.content_type)
        self.send_header("Content-Length", str(len(said.body)))
        for name, value in said.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said.body[:most])
        if most is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name
        """Nobody reads it."""


@contextmanager
def serving(site: Site, port: int = 0) -> Iterator[Server]:
    """A server of a site that runs in a thread."""
    server = Server(site, port)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ends.set()
        server.shutdown()
        server.server_close()
        thread.join()
    if server.defects:
        raise ExceptionGroup("the server failed", server.defects)
