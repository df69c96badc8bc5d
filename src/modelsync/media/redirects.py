"""Where media may redirect to: other hosts, but not from the outside into a private network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.request import getproxies

import httpx2

from modelsync.core.errors import Permanent
from modelsync.networks import LookUp, is_private, look_up
from modelsync.sources.remote import shown
from modelsync.sources.site.addresses import redirected_anywhere, site
from modelsync.sources.site.http import Answer

_SCHEMES: Final = ("https", "http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirects:
    """Redirects of files. `from_inside`: the media address is in a private network itself, or this machine.

    Who serves media says where they redirect to. That must not make this machine fetch what only it, or its
    network, can reach.
    """

    from_inside: bool
    look_up: LookUp = look_up

    def follow(self, address: httpx2.URL, location: str) -> httpx2.URL:
        """Where a redirect leads. Raises Permanent where it may not."""
        new = redirected_anywhere(address, location)
        if new.scheme not in _SCHEMES or not new.host:
            raise Permanent(
                f"{shown(str(address))} redirects to {shown(str(new))}, which is no https address"
            )
        if not self.from_inside and is_inside(new, self.look_up):
            raise _leads_inside(shown(str(address)), site(new))
        return new

    def check(self, answer: Answer) -> None:
        """Raise Permanent when who answered is not where the name led when it was looked up."""
        stream = answer.response.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream is not None else None
        if peer and not self.from_inside and not getproxies() and is_private(str(peer[0])):
            raise _leads_inside("it", answer.name)


def is_inside(address: httpx2.URL, look_up: LookUp = look_up) -> bool:
    """Whether the host is in a private network, or this machine, by any of its numbers."""
    host = address.raw_host.decode("ascii").strip("[]")
    is_scoped = "%" in host  # a number that is good on one network alone
    return is_scoped or any(map(is_private, look_up(host)))


def _leads_inside(here: str, there: str) -> Permanent:
    return Permanent(
        f"{here} redirects to {there}, which is in a private network; that is followed only where the media "
        f"address is in one, too"
    )
