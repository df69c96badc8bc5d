"""Those that are posted to: a server on loopback that does as a test says, byte by byte."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeAlias

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{"success": true}'


@dataclass(frozen=True)
class Heard:
    """A request, and the number of the connection that it came on, from 1."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int


#: Answers a request; False ends the connection.
Behaviour: TypeAlias = "Callable[[socket.socket, Heard], bool]"


def well(connection: socket.socket, heard: Heard) -> bool:
    """Answers that all went well."""
    connection.sendall(OK)
    return True


def saying(answer: bytes) -> Behaviour:
    """Answers with these bytes, and ends the connection."""

    def say(connection: socket.socket, heard: Heard) -> bool:
        connection.sendall(answer)
        return False

    return say


def resetting(connection: socket.socket, heard: Heard) -> bool:
    """Ends the connection as when a process is killed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


@dataclass
class Peer:
    """The server, as a context manager. Whoever waits in a behaviour waits for `closing`."""

    behaviour: Behaviour = well
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    reads: bool = True
    connections: int = 0
    heard: list[Heard] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        """Its port."""
        return int(self._socket.getsockname()[1])

    def url(self, host: str = "127.0.0.1") -> str:
        """Its address, under that name."""
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}/push/receive/"

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._socket = socket.create_server((self.host, 0))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        # Closing a socket does not wake who waits in it; a call does.
        socket.create_connection(self._socket.getsockname()).close()
        self._listener.join()
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self.closing.is_set():
                connection.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            # The other side may have gone away: that is what is tested.
            with suppress(OSError):
                self._talk(connection, number)
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _talk(self, connection: socket.socket, number: int) -> None:
        if self.tls is None:
            self._answer_all(connection, number)
            return
        with connection.dup() as copy:
            try:
                encrypted = self.tls.wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                # The alert would be lost if the connection were ended before the other side has said all.
                with suppress(OSError):
                    copy.shutdown(socket.SHUT_WR)
                    while copy.recv(1 << 16):
                        pass
                return
            with encrypted:
                found = encrypted.getpeercert() or {}
                subject = dict(pair for pairs in found.get("subject", ()) for pair in pairs)  # type: ignore[union-attr, misc]
                self.subjects.append(str(subject.get("commonName", "")))
                self._answer_all(encrypted, number)

    def _answer_all(self, connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.reads:
            self.closing.wait()
            return
        while (heard := _hear(connection, number)) is not None:
            self.heard.append(heard)
            if not self.behaviour(connection, heard):
                return


def _hear(connection: socket.socket, number: int) -> Heard | None:
    text = b""
    while b"\r\n\r\n" not in text:
        piece = connection.recv(1 << 16)
        if not piece:
            return None
        text += piece
    head, _, body = text.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.title(): value.strip() for name, _, value in (each.partition(":") for each in lines)}
    while len(body) < int(headers.get("Content-Length", 0)):
        body += connection.recv(1 << 16)
    return Heard(line, headers, body, number)
