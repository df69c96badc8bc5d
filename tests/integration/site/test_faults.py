"""A network that does harm: whatever it does, a reading is whole or it raises."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest

from modelsync.core.errors import ModelSyncError, Permanent, Transient
from modelsync.sources.site import Connection, SiteSource
from tests.integration.site.serving import Answering, serving
from tests.integration.site.test_http import rows
from tests.proxy import Busy, Cut, Drip, Duplicate, Fault, FaultProxy, Redirect, Stall, WrongLength
from tests.unit.sources import array, stream

OBJECTS = [[0, number, f"Blog {number}"] for number in range(2000)]
ROWS = [row[1:] for row in OBJECTS]
BODIES = {
    "application/x-ndjson": stream(OBJECTS, count=len(OBJECTS)),
    "application/json": array(OBJECTS),
}


@pytest.fixture(params=sorted(BODIES))
def server(request: pytest.FixtureRequest) -> Iterator[Answering]:
    """A server that has many objects, in either version."""
    with serving(body=BODIES[request.param], media_type=request.param) as answering:
        yield answering


@pytest.fixture
def proxy(server: Answering) -> Iterator[FaultProxy]:
    """The proxy before it."""
    with FaultProxy(server.port) as proxy:
        yield proxy


def source(proxy: FaultProxy, tries: int = 3, connection: Connection | None = None) -> SiteSource:
    return SiteSource(f"{proxy.url}/api/", "token", tries=tries, batch_rows=300, connection=connection)


def test_a_proxy_that_does_nothing_is_not_noticed(proxy: FaultProxy) -> None:
    """The tests below fail for the right reason."""
    assert rows(source(proxy)) == ROWS
    (request,) = proxy.requests
    assert (request.method, request.path) == ("GET", "/api/")
    assert request.headers["Authorization"] == "Basic dG9rZW46"


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("resets", [False, True])
def test_a_cut_at_any_place_raises(proxy: FaultProxy, server: Answering, framing: str, resets: bool) -> None:
    """Where the end is told, a cut is seen at once: it may be whole the next time."""
    server.framing = framing
    size = len(server.body)
    for after in (0, 1, 100, 5000, size // 2, size - 2, size - 1):
        proxy.fault = Cut(after=after, resets=resets)
        with pytest.raises(Transient):
            rows(source(proxy))


@pytest.mark.parametrize("packed", [False, True])
def test_a_cut_that_looks_like_the_end_raises(proxy: FaultProxy, server: Answering, packed: bool) -> None:
    """Without a length, the end of the connection is the end of the body: the content tells."""
    server.framing = "close"
    if packed:
        server.body = gzip.compress(server.body)
        server.headers = {"Content-Encoding": "gzip"}
    for after in (1, 5000, len(server.body) // 2, len(server.body) - 1):
        proxy.fault = Cut(after=after)
        with pytest.raises(ModelSyncError, match=r"cut off|is no complete JSON"):
            rows(source(proxy))
    proxy.fault = Cut(after=len(server.body))
    assert rows(source(proxy)) == ROWS


def test_a_cut_before_the_beginning_is_tried_again(proxy: FaultProxy) -> None:
    """The server was restarted: nothing was lost yet."""
    proxy.fault = Cut(after=None, times=2)
    assert rows(source(proxy)) == ROWS
    assert len(proxy.requests) == 3


def test_tries_come_to_an_end(proxy: FaultProxy) -> None:
    """One error, that of the last try."""
    proxy.fault = Cut(after=None)
    with pytest.raises(Transient, match="broke off"):
        rows(source(proxy, tries=2))
    assert len(proxy.requests) == 2


def test_a_cut_in_the_middle_is_not_tried_again(proxy: FaultProxy, server: Answering) -> None:
    """Objects have been given out; whoever took them decides."""
    proxy.fault = Cut(after=len(server.body) - 10)
    reading = source(proxy).read(None)
    assert len(next(reading)) == 300
    with pytest.raises(Transient, match="broke off"):
        list(reading)
    assert len(proxy.requests) == 1


def test_a_long_silence_raises(proxy: FaultProxy, server: Answering) -> None:
    """The limit is about silence, not about the whole."""
    proxy.fault = Stall(after=len(server.body) // 2, seconds=600)
    with (
        Connection(timeout=0.3) as connection,
        pytest.raises(Transient, match=r"did not answer in time \(ReadTimeout\)"),
    ):
        rows(source(proxy, connection=connection))
    assert len(proxy.requests) == 1


def test_a_silence_before_the_beginning_is_tried_again(proxy: FaultProxy) -> None:
    """Nothing has come: the next one may answer."""
    proxy.fault = Stall(after=0, seconds=600)
    with Connection(timeout=0.3) as connection, pytest.raises(Transient, match="did not answer in time"):
        rows(source(proxy, tries=2, connection=connection))
    assert len(proxy.requests) == 2


@pytest.mark.parametrize("fault", [Stall(after=1000, seconds=0.05), Drip(size=777)])
def test_slowness_is_no_fault(proxy: FaultProxy, fault: Fault) -> None:
    """As long as something comes."""
    proxy.fault = fault
    assert rows(source(proxy)) == ROWS


@pytest.mark.parametrize("size", [1, 50, 300, 30_000])
def test_a_repeated_beginning_raises(proxy: FaultProxy, size: int) -> None:
    """It is never taken for more objects."""
    proxy.fault = Duplicate(size=size)
    with pytest.raises(Permanent):
        rows(source(proxy))


@pytest.mark.parametrize("by", [-30_000, -1, 1, 1000])
def test_a_wrong_length_raises(proxy: FaultProxy, by: int) -> None:
    """What is missing is missed, and what never comes too."""
    proxy.fault = WrongLength(by=by)
    with pytest.raises(ModelSyncError):
        rows(source(proxy))


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    "retry_after", ["0", "1", format_datetime(datetime(2015, 10, 21, tzinfo=UTC), usegmt=True), None]
)
def test_a_busy_server_is_asked_again(proxy: FaultProxy, status: int, retry_after: str | None) -> None:
    """In seconds, as a date, or not at all."""
    proxy.fault = Busy(status, times=2, retry_after=retry_after)
    assert rows(source(proxy)) == ROWS
    assert len(proxy.requests) == 3


@pytest.mark.parametrize(("asked", "seconds"), [("1", 1.0), (None, None)])
def test_a_server_that_stays_busy_is_given_up(
    proxy: FaultProxy, asked: str | None, seconds: float | None
) -> None:
    """With what it said, and when it wants to be asked again."""
    proxy.fault = Busy(503, times=99, retry_after=asked, says=b"maintenance")
    with pytest.raises(Transient, match="answered 503: maintenance") as told:
        rows(source(proxy))
    assert told.value.retry_after == seconds
    assert len(proxy.requests) == 3


def test_a_long_wait_is_left_to_the_caller(proxy: FaultProxy) -> None:
    """Nobody sits in front of a command for an hour."""
    proxy.fault = Busy(429, times=1, retry_after="3600")
    with pytest.raises(Transient) as told:
        rows(source(proxy))
    assert told.value.retry_after == 3600
    assert len(proxy.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_of_the_same_host_are_followed(proxy: FaultProxy, status: int) -> None:
    """With the token; origins have the address that was asked for."""
    proxy.fault = Redirect(to="/elsewhere/", times=5, status=status)
    asked = source(proxy)
    (batch, *_) = asked.read(None)
    assert str(batch.places(0)).startswith(asked.name)
    assert [request.path for request in proxy.requests] == ["/api/", *["/elsewhere/"] * 5]
    assert {request.headers["Authorization"] for request in proxy.requests} == {"Basic dG9rZW46"}


def test_redirects_in_a_circle_end(proxy: FaultProxy) -> None:
    """Five are enough for anybody."""
    proxy.fault = Redirect(to="/api/", times=99)
    with pytest.raises(Permanent, match="redirects more than 5 times"):
        rows(source(proxy))
    assert len(proxy.requests) == 6


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_the_token_never_goes_to_another_host(proxy: FaultProxy, server: Answering, host: str) -> None:
    """Another name or port is another host, which is not even asked."""
    with serving(body=server.body, media_type=server.media_type) as other:
        proxy.fault = Redirect(to=f"http://{host}:{other.port}/api/")
        with pytest.raises(Permanent, match=f"to http://{host}:{other.port}, another host") as told:
            rows(source(proxy))
        assert proxy.url in str(told.value)
        assert other.asked == []
    assert [request.headers["Authorization"] for request in proxy.requests] == ["Basic dG9rZW46"]
