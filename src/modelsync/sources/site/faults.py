"""What goes wrong between two sites, as the error tree has it."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx2

from modelsync.core.errors import ConfigurationError, Permanent, SourceError, Transient
from modelsync.sources.retrying import retry_after

_LATER: Final = (408, 425, 429)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)


@contextmanager
def told(name: str) -> Iterator[None]:
    """Failures of the network; all of them may be over soon, but for a certificate that is wrong."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise Transient(f"{name} did not answer in time ({_kind(error)})") from error
    except httpx2.ConnectError as error:
        if _has_cause(error, ssl.SSLCertVerificationError):
            raise Permanent(
                f"the certificate of {name} is not trusted ({error}); if it is signed by an authority of "
                f"your own, say where that authority's certificate is (ca=...)"
            ) from error
        raise Transient(f"{name} cannot be reached: {error}") from error
    except httpx2.TransportError as error:
        raise Transient(f"the connection to {name} broke off: {str(error) or _kind(error)}") from error
    except httpx2.InvalidURL as error:
        raise ConfigurationError(f"{name} is no address that can be asked") from error


def refusal(response: httpx2.Response, name: str, body: str, *, has_token: bool) -> SourceError:
    """The error for an answer that is not 200; `body` is the beginning of what it says."""
    status = response.status_code
    says = first_line(body)
    detail = f": {says}" if says else ""
    if status == 401:
        hint = "it does not know the token; check it here and there" if has_token else "it wants a token"
        return Permanent(f"{name} answered 401, {hint}{detail}")
    if status == 403:
        return Permanent(f"{name} answered 403, the token may not read this; ask for its rights{detail}")
    if status in (404, 410):
        return Permanent(f"{name} answered {status}, there is no such route; check the path{detail}")
    if status in _LATER or status >= 500:
        return Transient(
            f"{name} answered {status}{detail}", retry_after=retry_after(response.headers.get("Retry-After"))
        )
    return Permanent(f"{name} answered {status}{detail}")


def first_line(body: str, length: int = 300) -> str:
    """The first line of a text, or the title of a page, without control characters."""
    title = _TITLE.search(body)
    lines = (title.group(1) if title else body).strip().splitlines() or [""]
    # The title of Django's own error page has lines of its own.
    line = " ".join(" ".join(lines).split()) if title else lines[0]
    return printable(line, length)


def printable(text: str, length: int) -> str:
    """The beginning of a text as it may stand in a message."""
    cut = "".join(letter if letter.isprintable() else " " for letter in text.strip()[: length + 1])
    return cut if len(cut) <= length else f"{cut[:length]}..."


def _kind(error: Exception) -> str:
    return type(error).__name__


def _has_cause(error: BaseException | None, kind: type[BaseException]) -> bool:
    while error is not None:
        if isinstance(error, kind):
            return True
        error = error.__cause__ or error.__context__
    return False
