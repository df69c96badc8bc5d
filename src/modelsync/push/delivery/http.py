"""Requests over HTTP: one pool of connections for each application.

It is the pool beneath httpx2, which costs two thirds of httpx2's client and lets a connection be checked
when it is made. No redirect is followed: it would take the token, or the signed states, elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import version
from threading import Lock
from time import monotonic
from typing import Final

import httpcore2

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.networks import LookUp, look_up
from modelsync.push.delivery.bounds import Bounds
from modelsync.push.delivery.faults import FAILURES, fault
from modelsync.push.delivery.targets import Targets
from modelsync.push.delivery.transport import Answer, Request
from modelsync.push.delivery.trust import context
from modelsync.sources.remote import shown
from modelsync.sources.site.addresses import checked
from modelsync.sources.site.discretion import discreet

#: Bytes of an answer that are read.
MOST: Final = 1 << 20
#: Seconds that a connection is kept without a request.
IDLE: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How an application is connected to.

    Args:
        ca: the file, or folder, of certificates to trust; True for those of the system, False for any.
        client_certificate: the file with our own certificate and its key, as PEM.
        concurrency: connections at most.
    """

    ca: str | bool = True
    client_certificate: str | None = None
    concurrency: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class _Address:
    url: httpcore2.URL
    host: bytes
    name: str
    is_encrypted: bool


class HttpTransport:
    """Posts to one application.

    Args:
        endpoint: how.
        timeout: seconds that a request may take, from the look-up of the host to the end of the answer.
        allow_private: whether it may be in a private network, or on this machine.
        look_up: the numbers of a host.
    """

    def __init__(
        self, endpoint: Endpoint, *, timeout: float, allow_private: bool, look_up: LookUp = look_up
    ) -> None:
        self.endpoint = endpoint
        self.timeout = timeout
        self.bounds = Bounds()
        self.targets = Targets(allow_private=allow_private, bounds=self.bounds, look_up=look_up)
        self._lock = Lock()
        self._pools: dict[bool, httpcore2.ConnectionPool] = {}
        self._under_way = 0
        self._is_closed = False

    def post(self, request: Request) -> Answer:
        """Send a request; see Transport."""
        started = monotonic()
        address = _address(request.url)
        headers = _headers(request, address)
        with self._lock:
            pool = self._pool(address.is_encrypted)
            self._under_way += 1
        try:
            with discreet():
                return self._post(pool, address, headers, request.body, started)
        finally:
            with self._lock:
                self._under_way -= 1
                self._close_if_unused()

    def close(self) -> None:
        """Close the connections, those that are in use as soon as they are not."""
        with self._lock:
            self._is_closed = True
            self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._is_closed and not self._under_way:
            for pool in self._pools.values():
                pool.close()

    def _pool(self, is_encrypted: bool) -> httpcore2.ConnectionPool:
        pool = self._pools.get(is_encrypted)
        if pool is None:
            endpoint = self.endpoint
            pool = self._pools[is_encrypted] = httpcore2.ConnectionPool(
                ssl_context=context(endpoint.ca, endpoint.client_certificate) if is_encrypted else None,
                max_connections=endpoint.concurrency,
                keepalive_expiry=IDLE,
                network_backend=self.targets,
            )
        return pool

    def _post(
        self,
        pool: httpcore2.ConnectionPool,
        address: _Address,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        started: float,
    ) -> Answer:
        request = httpcore2.Request(
            "POST", address.url, headers=headers, content=body, extensions={"timeout": {"pool": self.timeout}}
        )
        is_repeated = False
        while True:
            self.bounds.begin(started + self.timeout)
            try:
                return _read(pool.handle_request(request), address.name, started)
            except FAILURES as error:
                if is_repeated or not self._is_stale(error):
                    raise fault(error, address.name, self.timeout) from error
                is_repeated = True

    def _is_stale(self, error: Exception) -> bool:
        """Whether the other side closed a connection that was kept, just when it was used again.

        What is sent twice does no harm: receivers go by the version.
        """
        is_broken = isinstance(error, httpcore2.NetworkError | httpcore2.RemoteProtocolError)
        return is_broken and not (self.bounds.is_new or self.bounds.is_heard)


@lru_cache(maxsize=256)
def _address(url: str) -> _Address:
    try:
        address = checked(url)
    except ConfigurationError as error:
        raise Permanent(str(error)) from error
    if address.port is not None and not 0 < address.port < 1 << 16:
        raise Permanent(f"{shown(url)} has a port that cannot be; they end at 65535")
    return _Address(
        url=httpcore2.URL(
            scheme=address.raw_scheme, host=address.raw_host, port=address.port, target=address.raw_path
        ),
        host=address.netloc,
        name=shown(url),
        is_encrypted=address.scheme == "https",
    )


def _headers(request: Request, address: _Address) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"Host", address.host),
        (b"User-Agent", _user_agent()),
        (b"Accept-Encoding", b"identity"),  # so that the size of what comes is the size of what is read
        (b"Content-Length", b"%d" % len(request.body)),
    ]
    for name, value in request.headers.items():
        value = value.strip()
        if not (value.isascii() and value.isprintable()):
            raise Permanent(
                f"the header {name} holds letters that cannot be sent; check the key of the application"
            )
        headers.append((name.encode("ascii"), value.encode("ascii")))
    return headers


@cache
def _user_agent() -> bytes:
    return f"django-modelsync/{version('django-modelsync')}".encode("ascii")


def _has_stray_body(response: httpcore2.Response) -> bool:
    """Whether a body is announced where none may be. Who sends it nevertheless would have the next answer on
    the same connection begin with it: django-objectsyncer does.
    """
    lengths = (b"content-length", b"transfer-encoding")
    return response.status in (204, 304) and any(
        name.lower() in lengths and value != b"0" for name, value in response.headers
    )


def _read(response: httpcore2.Response, name: str, started: float) -> Answer:
    pieces, size = [], 0
    try:
        assert isinstance(response.stream, Iterable)
        # What is not read to its end closes the connection.
        for piece in () if _has_stray_body(response) else response.stream:
            pieces.append(piece)
            size += len(piece)
            if size > MOST:
                break
    finally:
        response.close()
    if size > MOST and 200 <= response.status < 300:
        raise Permanent(
            f"{name} answered {response.status} with more than {MOST:,} bytes, which are not read"
        )
    headers: dict[str, str] = {}
    for key, value in response.headers:
        known, text = key.decode("latin-1").lower(), value.decode("latin-1")
        headers[known] = f"{headers[known]}, {text}" if known in headers else text
    return Answer(
        status=response.status,
        headers=headers,
        body=b"".join(pieces)[:MOST],
        seconds=monotonic() - started,
    )
