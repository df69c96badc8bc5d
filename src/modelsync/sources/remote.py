"""Addresses, by fsspec: fetched once, with the errors of any file system told as ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import stamina

from modelsync.core.errors import ConfigurationError, Permanent, SourceError, Transient
from modelsync.sources.retrying import TRIES, again, retry_after

_SILENCE = 60.0  # seconds that a server may take to connect, or to send the next bytes
_NEEDS_EXTRA = "addresses need an extra: pip install 'django-modelsync[remote]'"


def shown(address: str) -> str:
    """An address without what may be secret in it: user, password and query."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" if parts.netloc else address


def fetch(address: str, into: Path) -> None:
    """Copy what is at an address, with a few tries.

    Raises Permanent for what is not there or not allowed, Transient for what may work later, and
    ConfigurationError without the package that the address needs.
    """
    for attempt in stamina.retry_context(on=again, attempts=TRIES):
        with attempt:
            _fetch(address, into)


def _fetch(address: str, into: Path) -> None:
    try:
        import fsspec
    except ImportError:
        raise ConfigurationError(_NEEDS_EXTRA) from None
    scheme = address.partition("://")[0]
    options = _options(scheme)
    try:
        system, path = fsspec.core.url_to_fs(address, **options)
        system.get_file(path, str(into))
    except (ImportError, ValueError) as error:
        # fsspec says which package an address needs, or that it does not know the scheme.
        raise ConfigurationError(f"{scheme}:// cannot be read: {_told(error, address)}") from error
    except Exception as error:
        # Every file system raises errors of its own kind.
        raise _fault(error, address) from error


def _options(scheme: str) -> dict[str, Any]:
    """Over HTTP a file may take as long as it wants, as long as something comes."""
    if scheme.lower() not in ("http", "https"):
        return {}
    try:
        import aiohttp
    except ImportError:
        raise ConfigurationError(_NEEDS_EXTRA) from None
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_SILENCE, sock_read=_SILENCE)
    return {"client_kwargs": {"timeout": timeout}}


def _fault(error: Exception, address: str) -> SourceError:
    name = shown(address)
    status = getattr(error, "status", None)
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return Permanent(f"there is no file {name}")
    if isinstance(error, PermissionError) or status in (401, 403):
        return Permanent(f"{name} may not be read; check the credentials: {_told(error, address)}")
    if isinstance(status, int) and 400 <= status < 500 and status not in (408, 425, 429):
        return Permanent(f"{name} cannot be read: {_told(error, address)}")
    asked = (getattr(error, "headers", None) or {}).get("Retry-After")
    return Transient(f"{name} could not be read: {_told(error, address)}", retry_after=retry_after(asked))


def _told(error: Exception, address: str) -> str:
    """What an error says, without the secrets of the address."""
    if status := getattr(error, "status", None):
        return f"the server answered {status}"
    text = str(error) or type(error).__name__
    parts = urlsplit(address)
    for secret in filter(None, (parts.query, parts.netloc.rpartition("@")[0], parts.password)):
        text = re.sub(re.escape(secret), "...", text)
    return text
