"""Which addresses are connected to: checked after the name was looked up, and then those very numbers."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

import httpcore2
import pytest

from modelsync.core.errors import Permanent, Transient
from modelsync.networks import LookUp
from modelsync.push.delivery.bounds import Bounds
from modelsync.push.delivery.http import Endpoint, HttpTransport
from modelsync.push.delivery.targets import Targets
from modelsync.push.delivery.transport import Request
from tests.integration.delivery.peer import Peer

PUBLIC = "93.184.215.14"


class Recorder(httpcore2.NetworkBackend):
    """A network on which nobody answers; it remembers who was called."""

    def __init__(self) -> None:
        self.called: list[tuple[str, int]] = []
        self.seconds: list[float | None] = []

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *options: object
    ) -> httpcore2.NetworkStream:
        self.called.append((host, port))
        self.seconds.append(timeout)
        raise httpcore2.ConnectError("nobody answers")


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


def post(
    url: str, *, allow_private: bool = False, look_up: LookUp | None = None, timeout: float = 60.0
) -> int:
    """The status of the answer."""
    given = {} if look_up is None else {"look_up": look_up}
    transport = HttpTransport(Endpoint(), timeout=timeout, allow_private=allow_private, **given)
    try:
        return transport.post(Request(url=url, headers={}, body=b"{}")).status
    finally:
        transport.close()


class Still(Bounds):
    """Time does not pass."""

    def left(self, late: type[httpcore2.TimeoutException]) -> float:
        return 60.0


def connect(look_up: LookUp, *, times: int = 1, network: Recorder | None = None) -> list[tuple[str, int]]:
    """Who was called when a host of the internet was to be connected to."""
    network, bounds = network or Recorder(), Still()
    targets = Targets(allow_private=False, bounds=bounds, look_up=look_up, network=network)
    for _ in range(times):
        with pytest.raises((Permanent, httpcore2.ConnectError)):
            targets.connect_tcp("app.test", 443)
    return network.called


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0.0.0.0", "[::1]", "[::]"),
        *("[::ffff:127.0.0.1]", "127.0.0.1.", "LOCALHOST", "\u2460\u2461\u2466.0.0.1"),
    ],
)
def test_this_machine_is_not_sent_to(peer: Peer, host: str) -> None:
    """However it is written."""
    with pytest.raises((Permanent, Transient), match=r"private network|is not known|no address"):
        post(f"http://{host}:{peer.port}/")
    assert peer.connections == 0


def test_what_to_do_is_told(peer: Peer) -> None:
    with pytest.raises(Permanent, match=r'127\.0\.0\.1 is in a private network .*"allow_private_targets"'):
        post(peer.url())
    assert post(peer.url(), allow_private=True) == 200


def test_a_name_that_stands_for_a_private_number_is_refused(peer: Peer) -> None:
    with pytest.raises(Permanent, match=r"app\.test is in a private network"):
        post(peer.url("app.test"), look_up=lambda host: ["127.0.0.1"])
    assert peer.connections == 0


@pytest.mark.parametrize("numbers", [(PUBLIC, "10.0.0.1"), ("169.254.169.254", PUBLIC), ("no number",)])
def test_one_private_number_among_several_is_enough(numbers: tuple[str, ...]) -> None:
    assert connect(lambda host: numbers) == []


def test_the_number_that_was_checked_is_the_one_that_is_called() -> None:
    """A name server may say one thing now and another one in a moment: it is asked once for a connection."""
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    assert connect(lambda host: next(answers)) == [(PUBLIC, 443)]
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    assert connect(lambda host: next(answers), times=2) == [(PUBLIC, 443)]


def test_the_name_itself_is_never_connected_to(peer: Peer) -> None:
    """No name server knows this one."""
    assert post(peer.url("app.invalid"), allow_private=True, look_up=lambda host: ["127.0.0.1"]) == 200
    assert peer.heard[0].headers["Host"] == f"app.invalid:{peer.port}"


def test_a_host_is_looked_up_once_for_each_connection(peer: Peer) -> None:
    asked: list[str] = []

    def look_up(host: str) -> Iterable[str]:
        asked.append(host)
        return ["127.0.0.1"]

    transport = HttpTransport(Endpoint(), timeout=60, allow_private=True, look_up=look_up)
    for _ in range(3):
        transport.post(Request(url=peer.url("app.test"), headers={}, body=b"{}"))
    transport.close()
    assert asked == ["app.test"]


def test_the_next_number_is_tried_where_the_first_is_dead(peer: Peer) -> None:
    numbers = ["127.0.0.3", "127.0.0.1"]  # nobody listens on the first
    assert post(peer.url("app.test"), allow_private=True, look_up=lambda host: numbers) == 200


def test_a_number_that_does_not_answer_leaves_time_to_the_others() -> None:
    network = Recorder()
    assert len(connect(lambda host: [PUBLIC, "93.184.215.15", "93.184.215.16"], network=network)) == 3
    assert network.seconds == [20.0, 30.0, 60.0]


def test_a_host_that_nobody_knows_may_be_known_later() -> None:
    with pytest.raises(Transient, match=r"app\.test is not known"):
        post("https://app.test/", look_up=lambda host: [])


def test_a_look_up_that_does_not_end_is_given_up() -> None:
    is_done = threading.Event()

    def look_up(host: str) -> Iterable[str]:
        is_done.wait(60)
        return []

    with pytest.raises(Transient, match=r"did not take the call within 0\.2 s"):
        post("http://app.test/", timeout=0.2, look_up=look_up)
    is_done.set()
