"""Which addresses a token may travel to."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

import httpx2

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.sources.remote import shown

_PORTS: Final = {"http": 80, "https": 443}


def checked(url: str) -> httpx2.URL:
    """The address of a site. Raises ConfigurationError for what is none, or holds a password."""
    try:
        name, address = shown(url), httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        name, address = "what was given", httpx2.URL()
    if address.scheme not in _PORTS or not address.host:
        raise ConfigurationError(
            f"{name!r} is no address of a site; it looks like https://example.org/api/blog/"
        )
    if address.userinfo:
        raise ConfigurationError(
            f"the address {name} holds a user name or password; take it out, and give the token by itself"
        )
    return address.copy_with(fragment=None)


def is_loopback(host: str) -> bool:
    """Whether the host is this machine, by its name or number; nothing is looked up."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False


def insecurity(url: str, *, has_token: bool) -> str | None:
    """What a person should know about an address without encryption; None where there is nothing."""
    address = checked(url)
    if address.scheme == "https" or is_loopback(address.host):
        return None
    what = "token travels" if has_token else "content travels"
    return f"{shown(url)} is plain http: the {what} unencrypted; use https"


def redirected(address: httpx2.URL, location: str) -> httpx2.URL:
    """Where a redirect leads, on the same site. Raises Permanent where the token must not follow."""
    try:
        new = address.join(location)
    except (httpx2.InvalidURL, ValueError) as error:
        raise Permanent(f"{shown(str(address))} redirects to what is no address") from error
    here, there = shown(str(address)), shown(str(new))
    if address.scheme == "https" and new.scheme != "https":
        raise Permanent(f"{here} redirects to {there}, which is not encrypted; that is not followed")
    if not _same_site(address, new):
        raise Permanent(
            f"{here} redirects from {_site(address)} to {_site(new)}, another host; the token is not taken "
            f"there. If that is where the site has moved to, use its new address"
        )
    return new.copy_with(username="", password="", fragment=None)


def _same_site(old: httpx2.URL, new: httpx2.URL) -> bool:
    """The same scheme, host and port, or the same host with encryption on its usual port."""
    if old.host != new.host:
        return False
    if (old.scheme, _port(old)) == (new.scheme, _port(new)):
        return True
    return (old.scheme, new.scheme) == ("http", "https") and _port(new) in (443, _port(old))


def _port(address: httpx2.URL) -> int | None:
    return address.port or _PORTS.get(address.scheme)


def _site(address: httpx2.URL) -> str:
    return f"{address.scheme}://{address.netloc.decode('ascii')}"
