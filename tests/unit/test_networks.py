"""Numbers of machines that are in private networks."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelsync.networks import is_private, look_up


@pytest.mark.parametrize(
    "number",
    [
        *("127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
        *("169.254.169.254", "100.64.0.1", "0.0.0.0", "0.1.2.3", "192.0.0.8", "192.0.2.1", "198.18.0.1"),
        *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "100::1"),
        *("2001::1", "2001:db8::1", "3fff::1", "4000::1", "5f00::1", "64:ff9b:1::7f00:1", "::2"),
        *("2606:4700::1%eth0", "", "localhost", "1.2.3", "1.2.3.4.5"),
    ],
)
def test_what_is_none_of_the_internets_is_private(number: str) -> None:
    """This machine, its networks, those of the provider, groups, examples, what is reserved or no number."""
    assert is_private(number)


@pytest.mark.parametrize("number", ["1.1.1.1", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "2a00::1"])
def test_what_is_the_internets_is_not(number: str) -> None:
    assert not is_private(number)


@given(st.ip_addresses(v=4))
def test_a_number_within_a_number_is_as_private_as_it_is(inner: IPv4Address) -> None:
    """Mapped, compatible, translated, NAT64 and 6to4: they lead to the IPv4 number that they hold."""
    bits = int(inner)
    low = f"{bits >> 16:x}:{bits & 0xFFFF:x}"
    for number in (f"::ffff:{inner}", f"::{low}", f"::ffff:0:{low}", f"64:ff9b::{inner}", f"2002:{low}::1"):
        assert is_private(number) == is_private(str(inner)), number


def test_a_host_is_looked_up_without_doubles() -> None:
    """However many kinds of connections it takes."""
    assert look_up("127.0.0.1") == ["127.0.0.1"]
    assert look_up("2130706433") == ["127.0.0.1"]
    assert look_up("x" * 300) == []
    assert look_up("a..b") == []
