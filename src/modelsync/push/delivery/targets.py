"""Which addresses may be sent to, and the connections to them.

Who may name an address makes this machine send something there, and reads in the log what it answered. So a
host is looked up here, all of its numbers are checked, and one of those very numbers is connected to: a name
server that says something else a moment later changes nothing. The certificate must still be the host's.

Proxies of the environment are not used: a proxy looks hosts up by itself, where nothing can be checked.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Sequence

import httpcore2

from modelsync.core.errors import Permanent, Transient
from modelsync.networks import LookUp, is_private, look_up
from modelsync.push.delivery.bounds import BoundedStream, Bounds


class Targets(httpcore2.NetworkBackend):
    """Connects to hosts that may be sent to, within the time that a request has left.

    Args:
        allow_private: whether they may be in private networks, or on this machine.
        bounds: the time that a request has.
        look_up: the numbers of a host.
        network: what is connected with.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        bounds: Bounds,
        look_up: LookUp = look_up,
        network: httpcore2.NetworkBackend | None = None,
    ) -> None:
        self.allow_private = allow_private
        self.bounds = bounds
        self.look_up = look_up
        self.network = network or httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to one of a host's numbers, the first that takes the call.

        Raises Permanent where the host may not be sent to, Transient where it is not known.
        """
        numbers = self._numbers(host)
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for left, number in zip(range(len(numbers), 0, -1), numbers, strict=True):
            try:
                # Each gets its share of the time, so that a number which is dead leaves some to the next.
                seconds = self.bounds.left(httpcore2.ConnectTimeout) / left
                stream = self.network.connect_tcp(number, port, seconds, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                self.bounds.is_new = True
                return BoundedStream(stream, self.bounds)
        assert failure is not None
        raise failure

    def _numbers(self, host: str) -> Sequence[str]:
        numbers = self._found(host)
        if not numbers:
            raise Transient(f"{host} is not known: no name server has a number for it; check its name")
        if not self.allow_private and any(map(is_private, numbers)):
            raise Permanent(
                f"{host} is in a private network or on this machine, and nothing is sent there; if it is "
                f'meant to be, set MODELSYNC["push"]["allow_private_targets"] to True'
            )
        return numbers

    def _found(self, host: str) -> Sequence[str]:
        """What the look-up finds. It takes as long as it wants, so it is left alone when it is late."""
        answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(tuple(self.look_up(host)))
            except Exception as error:
                answers.put(error)

        threading.Thread(target=ask, name="modelsync-look-up", daemon=True).start()
        try:
            answer = answers.get(timeout=self.bounds.left(httpcore2.ConnectTimeout))
        except queue.Empty:
            raise httpcore2.ConnectTimeout from None
        if isinstance(answer, Exception):
            raise answer
        return answer
