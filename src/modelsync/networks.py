"""Numbers of machines: which of them are in private networks.

What others may name as an address must not lead this machine to what only it, or its network, can reach.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

#: The numbers that a host's name stands for; none where it is not known.
LookUp: TypeAlias = Callable[[str], Iterable[str]]

_PROTOCOLS: Final = IPv4Network("192.0.0.0/24")  # not every version of Python counts all of it
# All that is routed on the internet is in it, but for the translated numbers below.
_ROUTED: Final = IPv6Network("2000::/3")
_SPECIAL: Final = (IPv6Network("2001::/23"), IPv6Network("2001:db8::/32"), IPv6Network("3fff::/20"))
# Networks whose numbers hold the IPv4 number that they lead to, and the bits that stand after it.
_HOLDING: Final = (
    (IPv6Network("::/96"), 0),  # compatible
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (IPv6Network("::ffff:0:0:0/96"), 0),  # translated, RFC 2765
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4
)


def look_up(host: str) -> list[str]:
    """The numbers of a host, each of them once, in the order in which they are to be tried."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def is_private(number: str) -> bool:
    """Whether a number, as `10.0.0.1` or `fe80::1%eth0`, is none of the internet's, or no number."""
    number, scope, _ = number.partition("%")
    try:
        ip = ip_address(number)
    except ValueError:
        return True
    if scope:  # it is good on one network alone
        return True
    return _is_private_6(ip) if isinstance(ip, IPv6Address) else _is_private_4(ip)


def _is_private_4(ip: IPv4Address) -> bool:
    return not ip.is_global or ip.is_multicast or ip in _PROTOCOLS


def _is_private_6(ip: IPv6Address) -> bool:
    for network, after in _HOLDING:
        if ip in network:
            return _is_private_4(IPv4Address(int(ip) >> after & 0xFFFFFFFF))
    return ip not in _ROUTED or any(ip in network for network in _SPECIAL)
