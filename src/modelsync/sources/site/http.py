"""The connection to other sites: one pool, its limits, and answers that are streamed."""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, TypeAlias

import httpx2

from modelsync.core.errors import ConfigurationError, Permanent, SourceError
from modelsync.sources.remote import shown
from modelsync.sources.site.addresses import checked, is_same_site, redirected
from modelsync.sources.site.bodies import MOST, encodings, unpacked
from modelsync.sources.site.discretion import discreet
from modelsync.sources.site.faults import printable, refusal, told

#: Where a redirect of an address leads, given what its answer says. Raises Permanent for where it may not.
Follow: TypeAlias = Callable[[httpx2.URL, str], httpx2.URL]

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_MOST_REDIRECTS: Final = 5
_SECRETS: Final = ("Authorization", "Cookie")
_EXCERPT: Final = 1 << 12
_NONE: Final[Mapping[str, str]] = {}


class Connection:
    """A pool of connections, to be shared by sources and closed at the end: `with Connection() as ...`.

    Args:
        timeout: seconds that may pass without a byte.
        connect_timeout: seconds until the other side must have taken the call.
        ca: the file with the certificates to trust, where they are not those of the system.
        most: bytes of an answer, unpacked, that are read at most.
        transport: what sends the requests in place of the network.
    """

    def __init__(
        self,
        *,
        timeout: float = 60.0,
        connect_timeout: float = 10.0,
        ca: str | os.PathLike[str] | ssl.SSLContext | None = None,
        most: int = MOST,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.most = most
        self.client = httpx2.Client(
            timeout=httpx2.Timeout(timeout, connect=connect_timeout),
            verify=_trust(ca),
            transport=transport,
            # No proxy of the environment leads back to this machine.
            mounts={f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")},
            follow_redirects=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.client.close()

    @contextmanager
    def get(
        self,
        url: str,
        token: str | None = None,
        *,
        accept: str = "*/*",
        headers: Mapping[str, str] = _NONE,
        statuses: Container[int] = (200,),
        follow: Follow = redirected,
    ) -> Iterator[Answer]:
        """The answer of an address, its body still to be read; redirects within its site are followed.

        `headers` are sent as well, in place of others of the same names; what has one of `statuses`
        is an answer. `follow` may lead to other sites: they get no token and no cookies. Raises
        ConfigurationError for what is no address, Permanent and Transient for what is no answer.
        """
        asked = address = checked(url)
        headers = {
            "Accept": accept,
            "Accept-Encoding": encodings(),
            **_authorization(token),
            **headers,
        }
        for hops in range(_MOST_REDIRECTS + 1):
            name = shown(str(address))
            request = self.client.build_request("GET", address, headers=headers)
            if not is_same_site(asked, address):
                for secret in _SECRETS:
                    request.headers.pop(secret, None)
            with closing(self._send(request, name)) as response:
                location = response.headers.get("Location")
                if response.status_code in _REDIRECTS and location:
                    address = follow(address, location)
                    continue
                answer = Answer(name=name, response=response, most=self.most, secret=token, hops=hops)
                if response.status_code not in statuses:
                    raise refusal(response, name, answer.excerpt(_EXCERPT), has_token=bool(token))
                yield answer
                return
        raise Permanent(f"{shown(url)} redirects more than {_MOST_REDIRECTS} times")

    def _send(self, request: httpx2.Request, name: str) -> httpx2.Response:
        with told(name), discreet():
            return self.client.send(request, stream=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that has begun.

    `name` is the address that gave it, without what may be secret; `hops` redirects led there.
    """

    name: str
    response: httpx2.Response
    most: int
    secret: str | None
    hops: int = 0

    @property
    def status(self) -> int:
        """The number of its status."""
        return self.response.status_code

    @property
    def media_type(self) -> str:
        """What it says it is, in lower case, without parameters."""
        return str(self.response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    def pieces(self) -> Iterator[bytes]:
        """The body, unpacked, as it comes. Raises Permanent or Transient where it fails."""
        encoding = str(self.response.headers.get("Content-Encoding", ""))
        return unpacked(self._raw(), encoding, name=self.name, most=self.most)

    def excerpt(self, length: int) -> str:
        """The beginning of the body as text, without the token; blank when it cannot be read."""
        text = b""
        try:
            for piece in self.pieces():
                text += piece
                if len(text) >= 4 * length:
                    break
        except SourceError:
            pass  # whoever asks is about to tell of a failure that matters more
        decoded = text.decode(errors="replace")
        return (decoded.replace(self.secret, "...") if self.secret else decoded)[:length]

    def beginning(self) -> str:
        """The first 200 characters, as they may stand in a message."""
        return printable(self.excerpt(_EXCERPT), 200)

    def _raw(self) -> Iterator[bytes]:
        with told(self.name):
            yield from self.response.iter_raw()


def _authorization(token: str | None) -> dict[str, str]:
    """The token as user name, as django-synctool does; as password where a user name cannot hold it."""
    if not token:
        return {}
    pair = f":{token}" if ":" in token else f"{token}:"
    return {"Authorization": f"Basic {b64encode(pair.encode()).decode('ascii')}"}


def _trust(ca: str | os.PathLike[str] | ssl.SSLContext | None) -> ssl.SSLContext | bool:
    if ca is None or isinstance(ca, ssl.SSLContext):
        return ca or True
    try:
        return ssl.create_default_context(cafile=os.fspath(ca))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"{os.fspath(ca)} holds no certificates that can be read: {error}"
        ) from error
