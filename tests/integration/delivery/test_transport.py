"""Posting to applications: what goes out, what comes back, and what goes wrong on the way."""

from __future__ import annotations

import itertools
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from modelsync.core.errors import Permanent, Transient
from modelsync.push.delivery.http import MOST, Endpoint, HttpTransport
from modelsync.push.delivery.transport import Request
from tests.integration.delivery.peer import OK, Behaviour, Heard, Peer, resetting, saying, well

TOKEN = "Api-Key s3cret"
LATE = r"did not (answer|take the call) within 0\.5 s"


def request(url: str, body: bytes = b'{"id": 1}') -> Request:
    return Request(url=url, headers={"Authorization": TOKEN, "Content-Type": "application/json"}, body=body)


def transport_for(timeout: float = 60.0, concurrency: int = 4) -> HttpTransport:
    return HttpTransport(Endpoint(concurrency=concurrency), timeout=timeout, allow_private=True)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        yield peer


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    transport = transport_for()
    yield transport
    transport.close()


@pytest.fixture
def hasty() -> Iterator[HttpTransport]:
    """It waits for half a second, where what it waits for never comes."""
    transport = transport_for(timeout=0.5)
    yield transport
    transport.close()


def test_a_request_goes_out_as_it_is_and_its_answer_comes_back(peer: Peer, transport: HttpTransport) -> None:
    answer = transport.post(request(peer.url(), b'{"name": "\xc3\xa9"}'))
    assert (answer.status, answer.body) == (200, b'{"success": true}')
    assert answer.headers["content-type"] == "application/json"
    assert 0 < answer.seconds < 60
    (heard,) = peer.heard
    assert heard.line == "POST /push/receive/ HTTP/1.1"
    assert heard.body == b'{"name": "\xc3\xa9"}'
    agent = heard.headers.pop("User-Agent")
    assert agent.startswith("django-modelsync/")
    assert heard.headers == {
        "Host": f"127.0.0.1:{peer.port}",
        "Accept-Encoding": "identity",
        "Content-Length": "14",
        "Authorization": TOKEN,
        "Content-Type": "application/json",
    }


def test_headers_that_come_twice_are_joined(peer: Peer, transport: HttpTransport) -> None:
    peer.behaviour = saying(b"HTTP/1.1 204 No Content\r\nX-Why: a\r\nx-why: b\r\n\r\n")
    answer = transport.post(request(peer.url()))
    assert (answer.status, answer.headers["x-why"], answer.body) == (204, "a, b", b"")


def test_a_hundred_posts_share_one_connection(peer: Peer, transport: HttpTransport) -> None:
    for _ in range(100):
        transport.post(request(peer.url()))
    assert (len(peer.heard), peer.connections) == (100, 1)


def test_threads_share_a_transport_within_its_concurrency(peer: Peer) -> None:
    transport = transport_for(concurrency=3)
    together = threading.Barrier(3)
    numbers = [str(number).encode() for number in range(60)]

    def meet_first(connection: socket.socket, heard: Heard) -> bool:
        if int(heard.body) < 3:
            together.wait(30)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(heard.body) + heard.body)
        return True

    peer.behaviour = meet_first
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda body: transport.post(request(peer.url(), body)).body, numbers))
    transport.close()
    assert answers == numbers
    assert peer.connections == 3


def test_a_redirect_is_an_answer_and_takes_nothing_elsewhere(peer: Peer, transport: HttpTransport) -> None:
    with Peer() as elsewhere:
        location = elsewhere.url().encode()
        for status in (301, 302, 303, 307, 308):
            peer.behaviour = saying(
                b"HTTP/1.1 %d Moved\r\nLocation: %b\r\nContent-Length: 0\r\n\r\n" % (status, location)
            )
            answer = transport.post(request(peer.url()))
            assert (answer.status, answer.headers["location"]) == (status, elsewhere.url())
        assert elsewhere.connections == 0


def test_proxies_of_the_environment_are_not_asked(
    peer: Peer, transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Peer() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert transport.post(request(peer.url())).status == 200
        assert proxy.connections == 0


def test_cookies_are_forgotten(peer: Peer, transport: HttpTransport) -> None:
    peer.behaviour = lambda connection, heard: (
        not connection.sendall(OK.replace(b"\r\n", b"\r\nSet-Cookie: session=1; Path=/\r\n", 1))
    )
    transport.post(request(peer.url()))
    transport.post(request(peer.url()))
    assert "Cookie" not in peer.heard[1].headers


def at(number: int, this: Behaviour, otherwise: Behaviour = well) -> Behaviour:
    """Does this with the request of that number, and something else with others."""
    count = itertools.count(1)

    def do(connection: socket.socket, heard: Heard) -> bool:
        chosen = this if next(count) == number else otherwise
        return chosen(connection, heard)

    return do


def endless(
    peer: Peer, head: bytes, piece: bytes, pause: float = 0.0, sent: list[int] | None = None
) -> Behaviour:
    """Says the head, then the piece again and again, until the other side has enough of it."""
    sent = [] if sent is None else sent

    def go_on(connection: socket.socket, heard: Heard) -> bool:
        connection.sendall(head)
        while not peer.closing.wait(pause):
            connection.sendall(piece)
            sent.append(len(piece))
        return False

    return go_on


def test_an_endless_answer_is_read_to_a_limit(peer: Peer, transport: HttpTransport) -> None:
    """What the sockets hold comes on top of it."""
    sent: list[int] = []
    say = endless(peer, b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n", b"x" * 65536, sent=sent)
    peer.behaviour = at(1, say)
    answer = transport.post(request(peer.url()))
    assert (answer.status, answer.headers["retry-after"], len(answer.body)) == (503, "7", MOST)
    assert transport.post(request(peer.url())).status == 200
    assert peer.connections == 2
    assert sum(sent) < 50 * MOST


def test_an_endless_success_is_none(peer: Peer, transport: HttpTransport) -> None:
    """What it says of each object is not known."""
    peer.behaviour = endless(peer, b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536)
    with pytest.raises(Permanent, match="more than 1,048,576 bytes"):
        transport.post(request(peer.url()))


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b""),
    ],
    ids=["body", "head", "continue", "silence"],
)
def test_an_answer_that_drips_is_given_up(
    peer: Peer, hasty: HttpTransport, head: bytes, piece: bytes
) -> None:
    """Each byte comes in time, and the answer never."""
    peer.behaviour = endless(peer, head, piece, pause=0.02)
    with pytest.raises(Transient, match=LATE):
        hasty.post(request(peer.url()))


def test_who_does_not_read_is_given_up(hasty: HttpTransport) -> None:
    with Peer(reads=False) as peer, pytest.raises(Transient, match=LATE):
        hasty.post(request(peer.url(), b"x" * 30_000_000))


def test_who_reads_little_by_little_is_given_up(hasty: HttpTransport) -> None:
    """Each write gets some of it across, and the rest is not waited for."""
    body = b"x" * 60_000_000
    sipped: list[int] = []
    is_done = threading.Event()

    def sip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            while not is_done.wait(0.01):
                sipped.append(len(connection.recv(1 << 18)))

    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        sipping = threads.submit(sip, server)
        with pytest.raises(Transient, match=LATE):
            hasty.post(request(f"http://127.0.0.1:{server.getsockname()[1]}/", body))
        is_done.set()
        sipping.result()
    assert sum(sipped) < len(body) / 2  # it reads 26 MB/s at most, so all of it takes more than two seconds


def test_a_transport_whose_connections_are_all_in_use_says_so(peer: Peer) -> None:
    transport = transport_for(concurrency=1)
    is_begun, may_end = threading.Event(), threading.Event()

    def hold(connection: socket.socket, heard: Heard) -> bool:
        is_begun.set()
        may_end.wait(60)
        return well(connection, heard)

    peer.behaviour = hold
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(transport.post, request(peer.url()))
        assert is_begun.wait(30)
        transport.timeout = 0.1
        with pytest.raises(Transient, match=r"all connections to .* were in use for 0\.1 s"):
            transport.post(request(peer.url()))
        may_end.set()
        assert first.result().status == 200
    transport.close()


def test_a_connection_that_is_reset_is_told_in_one_line(peer: Peer, transport: HttpTransport) -> None:
    peer.behaviour = resetting
    with pytest.raises(Transient, match=r"the connection to http://.* broke off: .*reset") as raised:
        transport.post(request(peer.url()))
    assert "\n" not in str(raised.value)
    assert len(peer.heard) == 1


def test_who_hangs_up_without_a_word_is_told(peer: Peer, transport: HttpTransport) -> None:
    peer.behaviour = saying(b"")
    with pytest.raises(Transient, match="disconnected without sending"):
        transport.post(request(peer.url()))
    assert len(peer.heard) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx",
        b"HTTP/1.1 abc\r\n\r\n",
    ],
    ids=["another protocol", "cut", "no status"],
)
def test_what_is_no_answer_is_told(peer: Peer, transport: HttpTransport, answer: bytes) -> None:
    peer.behaviour = saying(answer)
    with pytest.raises(Transient, match="did not answer as HTTP wants it"):
        transport.post(request(peer.url()))


def test_nobody_there_is_told(transport: HttpTransport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Transient, match=r"http://127.0.0.1:\d+/x cannot be reached: .*; check that it is up"):
        transport.post(request(f"http://127.0.0.1:{port}/x?secret=1"))


@pytest.mark.parametrize("ending", [saying(b""), resetting], ids=["closed", "reset"])
def test_a_kept_connection_that_has_been_closed_costs_nothing(
    peer: Peer, transport: HttpTransport, ending: Behaviour
) -> None:
    """The other side hangs up just when it is used again: it is sent anew on another one."""
    peer.behaviour = at(2, ending)
    transport.post(request(peer.url(), b"first"))
    assert transport.post(request(peer.url(), b"second")).status == 200
    assert [(heard.body, heard.connection) for heard in peer.heard] == [
        (b"first", 1),
        (b"second", 1),
        (b"second", 2),
    ]


def test_a_request_is_not_sent_anew_more_than_once(peer: Peer, transport: HttpTransport) -> None:
    peer.behaviour = at(1, well, resetting)
    transport.post(request(peer.url()))
    with pytest.raises(Transient, match="broke off"):
        transport.post(request(peer.url()))
    assert len(peer.heard) == 3


def test_what_has_begun_to_answer_is_not_asked_anew(peer: Peer, transport: HttpTransport) -> None:
    cut = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx")
    peer.behaviour = at(1, well, cut)
    transport.post(request(peer.url()))
    with pytest.raises(Transient, match="did not answer as HTTP wants it"):
        transport.post(request(peer.url()))
    assert len(peer.heard) == 2


def test_an_early_refusal_of_a_large_body_is_heard(transport: HttpTransport) -> None:
    """As 413 from a server that does not want to read it, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        posted = threads.submit(transport.post, request(url, b"x" * 30_000_000))
        connection, _ = server.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        assert posted.result().status == 413


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "example.org/push",
            "ftp://127.0.0.1/x",
            "file:///etc/passwd",
            "http://",
            "http://[::1",
            "unix:/x",
        ),
        *("http://user:s3cret@127.0.0.1/", "http://127.0.0.1:99999/", "gopher://127.0.0.1/"),
    ],
)
def test_what_is_no_address_needs_a_person(transport: HttpTransport, url: str) -> None:
    with pytest.raises(Permanent) as raised:
        transport.post(request(url))
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize("token", ["a\r\nX-Other: b", "a\nb", "a\0b", "gr\u00fcn", "\u20ac", "a\tb"])
def test_a_key_that_cannot_be_sent_needs_a_person(peer: Peer, transport: HttpTransport, token: str) -> None:
    """And is not told."""
    with pytest.raises(
        Permanent, match="the header Authorization holds letters that cannot be sent"
    ) as raised:
        transport.post(Request(url=peer.url(), headers={"Authorization": token}, body=b""))
    assert token not in str(raised.value)
    assert peer.connections == 0


def test_an_empty_key_is_sent_as_it_is(peer: Peer, transport: HttpTransport) -> None:
    transport.post(Request(url=peer.url(), headers={"Authorization": "Api-Key "}, body=b""))
    assert peer.heard[0].headers["Authorization"] == "Api-Key"


def test_logs_hold_no_secret(peer: Peer, transport: HttpTransport, caplog: pytest.LogCaptureFixture) -> None:
    """Not even those of the library."""
    caplog.set_level(logging.DEBUG)
    peer.behaviour = saying(b"HTTP/1.1 200 OK\r\nSet-Cookie: s3cret\r\nContent-Length: 6\r\n\r\ns3cret")
    transport.post(request(f"{peer.url()}?key=s3cret", b"s3cret"))
    assert caplog.records
    assert "s3cret" not in caplog.text


def test_closing_waits_for_what_is_under_way(peer: Peer, transport: HttpTransport) -> None:
    is_begun, may_end = threading.Event(), threading.Event()

    def hold(connection: socket.socket, heard: Heard) -> bool:
        is_begun.set()
        may_end.wait(30)
        return well(connection, heard)

    peer.behaviour = hold
    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(transport.post, request(peer.url()))
        assert is_begun.wait(30)
        transport.close()
        may_end.set()
        assert under_way.result().status == 200
    transport.post(request(peer.url()))
    assert peer.connections == 2
