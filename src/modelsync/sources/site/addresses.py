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
    new = redirected_anywhere(address, location)
    if not is_same_site(address, new):
        raise Permanent(
            f"{shown(str(address))} redirects from {site(address)} to {site(new)}, another host; the token "
            f"is not taken there. If that is where the site has moved to, use its new address"
        )
    return new


def redirected_anywhere(address: httpx2.URL, location: str) -> httpx2.URL:
    """Where a redirect leads. Raises Permanent where it is no address, or gives encryption up."""
    try:
        new = address.join(location)
    except (httpx2.InvalidURL, ValueError) as error:
        raise Permanent(f"{shown(str(address))} redirects to what is no address") from error
    if address.scheme == "https" and new.scheme != "https":
        here, there = shown(str(address)), shown(str(new))
        raise Permanent(f"{here} redirects to {there}, which is not encrypted; that is not followed")
    return new.copy_with(username="", password="", fragment=None)


def is_same_site(old: httpx2.URL, new: httpx2.URL) -> bool:
    """The same scheme, host and port, or the same host with encryption on its usual port."""
    if old.host != new.host:
        return False
    if (old.scheme, _port(old)) == (new.scheme, _port(new)):
        return True
    return (old.scheme, new.scheme) == ("http", "https") and _port(new) in (443, _port(old))


def site(address: httpx2.URL) -> str:
    """Scheme, host and port, as in `https://example.org:8443`."""
    return f"{address.scheme}://{address.netloc.decode('ascii')}"


def _port(address: httpx2.URL) -> int | None:
    return address.port or _PORTS.get(address.scheme)
