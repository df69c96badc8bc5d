"""A TCP proxy on loopback that stands before a real HTTP server and does it harm.

    with FaultProxy(port) as proxy:
        proxy.fault = Cut(after=1000)
        Client(api_url=proxy.url)

Each connection carries one request. Bytes are counted from the beginning of the body, as they are on
the wire: compressed, and in chunks where there are chunks.
"""

from __future__ import annotations

import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

_LENGTH = re.compile(rb"(?mi)^Content-Length:[ \t]*(\d+)")
_STEP = 1 << 14


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    headers: dict[str, str]


class Fault:
    """What is done to answers; this one does nothing. A fault may count what it has done."""

    #: Whether the connection ends with a reset, as when a process is killed.
    resets: bool = False

    def instead(self, request: Request) -> bytes | None:
        """A whole answer in place of the server's; None to ask the server."""
        return None

    def head(self, head: bytes) -> bytes:
        """The status line and the headers, with the blank line."""
        return head

    def body(self, body: Iterator[bytes], closing: threading.Event) -> Iterator[bytes]:
        """The body; whoever waits in here waits for `closing`."""
        return body


@dataclass
class Cut(Fault):
    """Ends the connection after so many bytes of the body; None ends it before the first of the head."""

    after: int | None
    resets: bool = False
    times: int | None = None

    def instead(self, request: Request) -> bytes | None:
        if self.after is None and self.times != 0:
            self.times = None if self.times is None else self.times - 1
            return b""
        return None

    def body(self, body: Iterator[bytes], closing: threading.Event) -> Iterator[bytes]:
        return body if self.after is None else first(body, self.after)


@dataclass
class Stall(Fault):
    """Says nothing for so many seconds after so many bytes of the body, then goes on."""

    after: int
    seconds: float

    def body(self, body: Iterator[bytes], closing: threading.Event) -> Iterator[bytes]:
        stalled = 0
        for piece in body:
            yield piece[: max(0, self.after - stalled)]
            if stalled <= self.after < stalled + len(piece):
                closing.wait(self.seconds)
            yield piece[max(0, self.after - stalled) :]
            stalled += len(piece)


@dataclass
class Duplicate(Fault):
    """Sends so many bytes of the body twice, from `start` on; the length in the head is made to fit."""

    size: int
    start: int = 0

    def head(self, head: bytes) -> bytes:
        return _lengthened(head, self.size)

    def body(self, body: Iterator[bytes], closing: threading.Event) -> Iterator[bytes]:
        whole = b"".join(body)
        yield whole[: self.start + self.size]
        yield whole[self.start :]


@dataclass
class Flip(Fault):
    """One bit of the body is another, counted from 0."""

    bit: int

    def body(self, body: Iterator[bytes], closing: threading.Event) -> Iterator[bytes]:
        whole = bytearray(b"".join(body))
        whole[self.bit // 8] ^= 1 << self.bit % 8
        yield bytes(whole)


@dataclass
class WrongLength(Fault):
    """The head says so many bytes more, or fewer, than there are."""

    by: int

    def head(self, head: bytes) -> bytes:
        return _lengthened(head, self.by)


@dataclass
class Drip(Fault):
    """The body comes a few bytes at a time, with a pause after each."""

    size: int
    seconds: float = 0.0

    def body(self, body: Iterator[bytes], closing: threading.Event) -> Iterator[bytes]:
        for piece in body:
            for start in range(0, len(piece), self.size):
                yield piece[start : start + self.size]
                closing.wait(self.seconds)


@dataclass
class Busy(Fault):
    """Answers a status so many times, then lets requests pass. `retry_after` is seconds or a date."""

    status: int
    times: int
    retry_after: str | None = None
    says: bytes = b"busy"

    def instead(self, request: Request) -> bytes | None:
        if self.times == 0:
            return None
        self.times -= 1
        return answer(self.status, self.says, {"Retry-After": self.retry_after})


@dataclass
class Redirect(Fault):
    """Redirects so many times, then lets requests pass."""

    to: str
    times: int = 1
    status: int = 302

    def instead(self, request: Request) -> bytes | None:
        if self.times == 0:
            return None
        self.times -= 1
        return answer(self.status, b"", {"Location": self.to})


@dataclass
class Once(Fault):
    """Does to so many requests what another fault does, then lets requests pass. One request at a time."""

    fault: Fault
    times: int = 1
    now: Fault = field(default_factory=Fault, init=False)

    def instead(self, request: Request) -> bytes | None:
        self.now = self.fault if self.times else Fault()
        self.times = max(0, self.times - 1)
        self.resets = self.now.resets
        return self.now.instead(request)

    def head(self, head: bytes) -> bytes:
        return self.now.head(head)

    def body(self, body: Iterator[bytes], closing: threading.Event) -> Iterator[bytes]:
        return self.now.body(body, closing)


@dataclass
class FaultProxy:
    """The proxy, as a context manager. `requests` are those that have come, in their order.

    `headers` replace those of requests. `framing` says how clients know the end of the body, where the
    server has HTTP/1.0 and closes the connection: by its `length`, or by `chunks`.
    """

    target: int
    fault: Fault = field(default_factory=Fault)
    requests: list[Request] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    framing: Literal["length", "chunks"] | None = None

    @property
    def url(self) -> str:
        """Where clients find it, without a slash at the end."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._closing = threading.Event()
        self._open: set[socket.socket] = set()
        self._serving: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        # Closing a socket does not wake who waits in it; a call does.
        socket.create_connection(self._socket.getsockname()).close()
        self._listener.join()
        with self._lock:
            for each in self._open:
                _shut(each)
        for thread in self._serving:
            thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while True:
            client, _ = self._socket.accept()
            if self._closing.is_set():
                client.close()
                return
            thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
            self._serving.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        # One of the two may have gone away, as faults make them do.
        with client, self._noted(client), suppress(OSError):
            self._pass(client)

    def _pass(self, client: socket.socket) -> None:
        head, _ = _head(client)
        if not head:
            return
        fault = self.fault
        request = _request(head)
        self.requests.append(request)
        instead = fault.instead(request)
        if instead is not None:
            client.sendall(instead)
            return
        with socket.create_connection(("127.0.0.1", self.target)) as server, self._noted(server):
            server.sendall(_replaced(head, {"Connection": "close", **self.headers}))
            head, begun = _head(server)
            head, body = self._framed(head, _rest(server, begun))
            client.sendall(fault.head(head))
            for piece in fault.body(body, self._closing):
                client.sendall(piece)
        if fault.resets:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _framed(self, head: bytes, body: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
        if self.framing == "length":
            whole = b"".join(body)
            return _replaced(head, {"Content-Length": str(len(whole))}), iter((whole,))
        if self.framing == "chunks":
            head = head.replace(b"HTTP/1.0", b"HTTP/1.1", 1)
            return _replaced(head, {"Transfer-Encoding": "chunked", "Connection": "close"}), _chunks(body)
        return head, body

    def _noted(self, each: socket.socket) -> _Noted:
        return _Noted(each, self._open, self._lock)


@dataclass
class _Noted:
    """A socket that is to be shut when the proxy closes."""

    each: socket.socket
    among: set[socket.socket]
    lock: threading.Lock

    def __enter__(self) -> None:
        with self.lock:
            self.among.add(self.each)

    def __exit__(self, *error: object) -> None:
        with self.lock:
            self.among.discard(self.each)


def answer(status: int, body: bytes, headers: dict[str, str | None]) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} Fault", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode() + body


def first(body: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The first bytes of a body."""
    for piece in body:
        yield piece[:size]
        size -= len(piece)
        if size <= 0:
            return


def _lengthened(head: bytes, by: int) -> bytes:
    return _LENGTH.sub(lambda found: b"Content-Length: %d" % (int(found[1]) + by), head)


def _head(each: socket.socket) -> tuple[bytes, bytes]:
    """What comes before the body, and what has come of it."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = each.recv(_STEP)
        if not piece:
            return b"", b""
        text += piece
    head, _, begun = text.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", begun


def _rest(server: socket.socket, begun: bytes) -> Iterator[bytes]:
    while begun:
        yield begun
        begun = b""
    while piece := server.recv(_STEP):
        yield piece


def _request(head: bytes) -> Request:
    line, *lines = head.decode("latin-1").strip().split("\r\n")
    method, path, _ = line.split(" ")
    pairs = (each.partition(":") for each in lines)
    return Request(method, path, {name.strip().title(): value.strip() for name, _, value in pairs})


def _chunks(body: Iterator[bytes]) -> Iterator[bytes]:
    for piece in filter(None, body):
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


def _replaced(head: bytes, headers: dict[str, str]) -> bytes:
    """The head with these headers in place of those of the same names."""
    for name, value in headers.items():
        head = re.sub(rb"(?mi)^%b:[^\r]*\r\n" % re.escape(name.encode()), b"", head)
        head = head[:-2] + f"{name}: {value}\r\n\r\n".encode()
    return head


def _shut(each: socket.socket) -> None:
    # It may be connected no more.
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
