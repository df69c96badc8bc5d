"""Faults come when they are told to, and the server is well before and after."""

from __future__ import annotations

import json
import time

import httpx2
import pytest

from tests.dato_server import faults
from tests.integration.dato_server.asking import Client, asking

QUERY = "{ allAuthors(orderBy: name_ASC) { name } }"


def names(client: Client) -> list[str]:
    """What the API shows."""
    return [each["name"] for each in client.ask(QUERY)["allAuthors"]]


def test_the_nth_request_fails(client: Client) -> None:
    """And no other one."""
    client.server.faults.at(2, faults.failing(503))
    assert [client.post(QUERY).status_code for _ in range(3)] == [200, 503, 200]
    assert [each.status for each in client.server.log] == [200, 503, 200]


def test_the_next_requests_fail_one_after_the_other(client: Client) -> None:
    """None is no fault; a lasting one is there until it is cleared."""
    client.server.faults.next(faults.failing(500), None, faults.failing(502))
    assert [client.post(QUERY).status_code for _ in range(4)] == [500, 200, 502, 200]
    client.server.faults.always(faults.failing(500))
    assert [client.post(QUERY).status_code for _ in range(3)] == [500, 500, 500]
    client.server.faults.clear()
    assert names(client) == []


def test_a_connection_is_reset(client: Client) -> None:
    """Nothing is said; the log has the request with status 0."""
    client.server.faults.next(faults.Reset())
    with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
        client.post(QUERY)
    assert [each.status for each in client.server.log] == [0]
    assert names(client) == []


def test_a_body_is_cut(client: Client) -> None:
    """Fewer bytes come than were announced."""
    client.server.faults.next(faults.Cut(after=5))
    with pytest.raises(httpx2.RemoteProtocolError):
        client.post(QUERY)
    assert names(client) == []


def test_an_answer_is_slow(client: Client) -> None:
    """And right, for who waits; who does not has a timeout."""
    client.server.faults.next(faults.Slow(0.2), faults.Slow(60))
    started = time.monotonic()
    assert names(client) == []
    assert time.monotonic() - started >= 0.2
    client.http.timeout = httpx2.Timeout(0.1)
    with pytest.raises(httpx2.ReadTimeout):
        client.post(QUERY)


def test_what_is_said_is_no_json(client: Client) -> None:
    """Broken JSON with status 200, or the page of a proxy."""
    client.server.faults.next(faults.garbage(), faults.html_page(502))
    broken = client.post(QUERY)
    assert broken.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        broken.json()
    page = client.post(QUERY)
    assert (page.status_code, page.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    assert page.text.startswith("<!doctype html>")


def test_too_many_requests_are_told_when_to_come_back(client: Client) -> None:
    """429 with the seconds in a header."""
    client.server.faults.next(faults.rate_limited(7))
    said = client.post(QUERY)
    assert (said.status_code, said.headers["x-ratelimit-reset"]) == (429, "7")
    assert said.json()["data"][0]["attributes"]["code"] == "RATE_LIMIT_EXCEEDED"


def test_a_query_is_refused_as_too_complex(client: Client) -> None:
    """Whatever it costs."""
    client.server.faults.next(faults.TooComplex())
    assert "exceeds max complexity of 10000000" in client.error(QUERY)
    assert names(client) == []


def test_an_edit_comes_between_two_pages(client: Client) -> None:
    """A hook runs right before a request is answered."""
    client.edit.create("author", {"name": "a"})
    client.server.faults.before(2, lambda: client.edit.create("author", {"name": "b"}))
    assert [names(client) for _ in range(3)] == [["a"], ["a", "b"], ["a", "b"]]


def test_downloads_have_faults_of_their_own(client: Client) -> None:
    """Those of the API are not theirs."""
    url = client.server.address + client.edit.upload("a.txt", b"some bytes").path
    client.server.faults.always(faults.failing(500))
    client.server.asset_faults.next(faults.failing(503), faults.Cut(3), faults.Reset())
    assert client.http.get(url).status_code == 503
    for _ in range(2):
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            client.http.get(url)
    assert client.http.get(url).content == b"some bytes"


def test_the_api_is_behind_until_it_is_told(client: Client) -> None:
    """In every environment, whatever is edited."""
    made = client.edit.create("author", {"name": "a"})
    lag = client.server.site.lag
    lag.hold()
    client.edit.update(made.id, {"name": "b"})
    client.edit.publish(made.id)
    assert [names(client) for _ in range(3)] == [["a"]] * 3
    lag.release()
    assert names(client) == ["b"]


def test_the_api_is_behind_for_some_requests(client: Client) -> None:
    """After a hold, or after each edit."""
    lag = client.server.site.lag
    lag.hold(requests=2)
    client.edit.create("author", {"name": "a"})
    assert [names(client) for _ in range(3)] == [[], [], ["a"]]
    lag.requests = 1
    client.edit.create("author", {"name": "b"})
    assert [names(client) for _ in range(2)] == [["a"], ["a", "b"]]


def test_connections_are_kept(client: Client) -> None:
    """Many requests need one."""
    ports = set()
    for _ in range(3):
        said = client.post(QUERY)
        ports.add(said.extensions["network_stream"].get_extra_info("client_addr"))
    assert len(ports) == 1


def test_a_defect_of_the_server_is_not_taken_for_a_fault() -> None:
    """It is raised where the server ends."""

    def broken() -> None:
        raise LookupError("a defect")

    def play() -> None:
        with asking() as client:
            client.server.faults.before(1, broken)
            with pytest.raises(httpx2.RemoteProtocolError):
                client.post(QUERY)

    with pytest.raises(ExceptionGroup) as raised:
        play()
    assert isinstance(raised.value.exceptions[0], LookupError)
