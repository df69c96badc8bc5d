"""What is asked of a site, and what its answers mean."""

from __future__ import annotations

import gzip
import logging
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from modelsync.core.errors import ConfigurationError, ModelSyncError, Permanent, Transient
from modelsync.sources.site import Connection, SiteSource
from tests.integration.site.serving import Answering, serving
from tests.unit.sources import OBJECTS, array, stream

TOKEN = "se:cret" * 3


@pytest.fixture
def server() -> Iterator[Answering]:
    """A server that has the five objects."""
    with serving(body=stream(count=5)) as answering:
        yield answering


def rows(source: SiteSource) -> list[list[object]]:
    return [list(row) for batch in source.read(None) for row in batch.rows]


ROWS = [row[1:] for row in OBJECTS]


def test_the_request_says_what_is_understood(server: Answering) -> None:
    """Version 2 rather than version 1, packed, and the token as the user name."""
    source = SiteSource(f"{server.url}/api/blog/?x=1", "token")
    assert rows(source) == ROWS
    ((path, headers),) = server.asked
    assert path == "/api/blog/?x=1"
    assert headers["Accept"] == "application/x-ndjson, application/json;q=0.5"
    assert headers["Accept-Encoding"] == "zstd, gzip"
    assert headers["Authorization"] == "Basic dG9rZW46"
    assert b64decode("dG9rZW46") == b"token:"


@pytest.mark.parametrize(("token", "pair"), [("tökén", "tökén:"), ("a:b", ":a:b"), ("", None), (None, None)])
def test_tokens_of_any_kind(server: Answering, token: str | None, pair: str | None) -> None:
    """A user name cannot hold a colon, a password can; without a token nothing is sent."""
    rows(SiteSource(server.url, token))
    (sent,) = server.authorizations()
    assert (sent and b64decode(sent.removeprefix("Basic ")).decode()) == pair


@pytest.mark.parametrize("framing", ["length", "chunks", "close"])
@pytest.mark.parametrize("encoding", [None, "gzip", "zstd"])
@pytest.mark.parametrize("version", [1, 2])
def test_both_versions_come_in_any_packing(
    server: Answering, framing: str, encoding: str | None, version: int
) -> None:
    """However the end of the body is told."""
    body = stream(count=5) if version == 2 else array()
    server.media_type = "application/x-ndjson" if version == 2 else "application/json; charset=utf-8"
    server.framing = framing
    packed = {"gzip": gzip.compress(body), "zstd": zstandard.compress(body)}
    server.body = packed[encoding] if encoding else body
    server.headers = {"Content-Encoding": encoding} if encoding else {}
    source = SiteSource(server.url, "token")
    assert rows(source) == ROWS
    assert (source.header is not None) == (version == 2)
    assert source.fraction() == (1.0 if version == 2 else None)


def test_the_header_is_known_with_the_first_batch(server: Answering) -> None:
    """Whoever reads looks at the models before anything is written."""
    source = SiteSource(server.url, "token", batch_rows=1)
    assert source.header is None
    reading = source.read(None)
    next(reading)
    assert source.header is not None
    assert [model.model for model in source.header.models] == ["blog.blog", "blog.post"]
    assert source.fraction() == 0.2
    assert len(list(reading)) == 4
    assert source.fraction() == 1.0


def test_reading_again_asks_again(server: Answering) -> None:
    """Each reading is a request of its own; a shared connection is kept."""
    with Connection() as connection:
        source = SiteSource(server.url, "token", connection=connection)
        assert rows(source) == rows(source) == ROWS
        assert rows(SiteSource(server.url, "token", connection=connection)) == ROWS
    assert len(server.asked) == 3


def test_it_cannot_be_resumed(server: Answering) -> None:
    """A site keeps no place in a stream."""
    with pytest.raises(ConfigurationError, match="cannot be resumed"):
        list(SiteSource(server.url, "token").read({"records": 1}))
    assert server.asked == []


def fails(server: Answering, token: str | None = TOKEN, tries: int = 2) -> str:
    """What reading says; the token is never in it."""
    with pytest.raises(ModelSyncError) as told:
        rows(SiteSource(f"{server.url}/api/?key=private", token, tries=tries))
    assert TOKEN not in str(told.value)
    assert "private" not in str(told.value)
    return f"{type(told.value).__name__}: {told.value}"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "Permanent: {} answered 401, it does not know the token; check it here and there: what"),
        (403, "Permanent: {} answered 403, the token may not read this; ask for its rights: what"),
        (404, "Permanent: {} answered 404, there is no such route; check the path: what"),
        (400, "Permanent: {} answered 400: what"),
        (406, "Permanent: {} answered 406: what"),
        (304, "Permanent: {} answered 304"),
        (204, "Permanent: {} answered 204"),
        (300, "Permanent: {} answered 300: what"),
        (408, "Transient: {} answered 408: what"),
        (429, "Transient: {} answered 429: what"),
        (500, "Transient: {} answered 500: what"),
        (502, "Transient: {} answered 502: what"),
    ],
)
def test_a_refusal_is_one_clear_error(server: Answering, status: int, said: str) -> None:
    """What was answered, the first line of it, and what to do; only what may be over is tried again."""
    server.status, server.body = status, f"what\x07 {TOKEN} was\nsecond line".encode()
    if status in (204, 304):
        server.body = b""
    told = fails(server)
    assert told.startswith(said.format(f"{server.url}/api/"))
    assert "second line" not in told
    assert "\x07" not in told
    assert len(server.asked) == (2 if told.startswith("Transient") else 1)


def test_a_missing_token_is_told_as_such(server: Answering) -> None:
    """It is not the same mistake as a wrong one."""
    server.status = 401
    assert "it wants a token" in fails(server, token=None)


def test_the_text_of_an_error_is_short(server: Answering) -> None:
    """Django's page for developers has a title; other texts may be long; packed ones are unpacked."""
    server.status = 500
    server.body = b"<html><head><style>x</style><title>OperationalError\n   at /api/</title>" + b"y" * 99_999
    assert fails(server).endswith("answered 500: OperationalError at /api/")
    server.body = gzip.compress(b"z" * 100_000)
    server.headers = {"Content-Encoding": "gzip"}
    assert fails(server).endswith("answered 500: " + "z" * 300 + "...")
    server.headers = {"Content-Encoding": "br"}
    assert fails(server).endswith("answered 500")


@pytest.mark.parametrize(
    ("media_type", "told"),
    [("text/html; charset=utf-8", "text/html"), (None, "no media type"), ("text/json", "text/json")],
)
def test_another_kind_of_answer_is_told_with_its_beginning(
    server: Answering, media_type: str | None, told: str
) -> None:
    """A page to log in at, for example."""
    server.media_type, server.body = media_type, f"<h1>Log in {TOKEN}</h1>\n{'x' * 500}".encode()
    message = fails(server)
    assert message.startswith(
        f"Permanent: {server.url}/api/ answers with {told}, not with application/x-ndjson"
    )
    assert message.endswith(f"<h1>Log in ...</h1> {'x' * 180}...")
    assert len(server.asked) == 1


def test_a_malformed_stream_is_not_tried_again(server: Answering) -> None:
    """The same would come."""
    server.body = b"what?\n"
    assert "does not begin with a header" in fails(server)
    server.body = stream()[:-5]
    assert "cut off" in fails(server)
    assert len(server.asked) == 2


def test_an_answer_has_a_largest_size(server: Answering) -> None:
    """Trap: gzip bomb."""
    server.body = gzip.compress(stream([[0, 1, "x" * 10_000_000]]))
    server.headers = {"Content-Encoding": "gzip"}
    with (
        Connection(most=1_000_000) as connection,
        pytest.raises(Permanent, match="more than 1,000,000 bytes when unpacked"),
    ):
        rows(SiteSource(server.url, "token", connection=connection))


def test_nobody_there_is_transient(server: Answering) -> None:
    """It may have been restarted just now."""
    with serving() as gone:
        pass
    assert fails(gone).startswith(f"Transient: {gone.url}/api/ cannot be reached")


def test_certificates_must_be_readable(tmp_path: Path) -> None:
    """A wrong configuration stops before anything is asked."""
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "missing.pem"):
        with pytest.raises(ConfigurationError, match="holds no certificates"):
            Connection(ca=tmp_path / name)


def test_plain_http_is_no_https(server: Answering) -> None:
    """What does not speak TLS cannot be reached by it."""
    with pytest.raises(Transient):
        rows(SiteSource(server.url.replace("http:", "https:"), "token", tries=1))
    assert server.asked == []


def test_the_log_of_the_http_library_tells_the_site_alone(
    server: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    """Queries may be signatures, paths may be names of files; requests of others are logged as they were."""
    caplog.set_level(logging.DEBUG)
    server.headers = {"Set-Cookie": "session=private", "X-Amz-Signature": "private"}
    with Connection() as connection:
        with connection.get(f"{server.url}/media/private.jpg?key=private", TOKEN) as answer:
            assert b"".join(answer.pieces())
        told = [record.getMessage() for record in caplog.records if record.name == "httpx2"]
        assert told == [f'HTTP Request: GET {server.url} "HTTP/1.1 200 OK"']
        assert "private" not in caplog.text
        assert TOKEN not in caplog.text
        connection.client.get(f"{server.url}/a?key=public")
    assert f"GET {server.url}/a?key=public" in caplog.text
