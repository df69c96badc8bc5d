"""A network that does harm to a whole pull: the tables are as they were, or as those of the other site."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pytest
import stamina
from django.db import connections

from modelsync.core.errors import Permanent, Transient
from tests.blog.site import TOKEN
from tests.integration.media.serving import media_server
from tests.integration.pull import holding
from tests.integration.pull.pulling import TYPES, Other, Pulling, Way
from tests.integration.pull.serving import serving
from tests.integration.site.serving import serving as answering
from tests.proxy import (
    Busy,
    Cut,
    Drip,
    Duplicate,
    FaultProxy,
    Flip,
    Once,
    Redirect,
    Stall,
    WrongLength,
)
from tests.separate import separate_database

pytestmark = [pytest.mark.database, pytest.mark.slow]

#: Seconds without a byte: few where a slower machine ends the same way, more where an answer must follow.
SHORT, LONG = 0.2, 5.0
AUTHORIZATION = f"Basic {b64encode(f'{TOKEN}:'.encode()).decode()}"
VERSIONS: tuple[Literal[1, 2], ...] = (1, 2)
CLOSED = [Way(version, packing, None) for version in VERSIONS for packing in ("identity", "gzip", "zstd")]
TOLD = [Way(each.version, each.packing, "length") for each in CLOSED]
CHUNKED = [Way(each.version, each.packing, "chunks") for each in CLOSED]
PACKED = [each for each in CLOSED if each.packing != "identity"]
#: What two modelsyncs speak, and what the original speaks.
OURS, OLD = Way(2, "zstd"), Way(1, "gzip")
INCOMPLETE = "cut off|is empty|is no complete JSON"

Make = Callable[..., Pulling]


def ways(which: list[Way]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("way", which, ids=str)


@pytest.fixture(scope="module")
def other(
    tmp_path_factory: pytest.TempPathFactory, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Other]:
    """A site that serves, with its files, and a database to pull into."""
    folder = tmp_path_factory.mktemp
    with (
        django_db_blocker.unblock(),
        separate_database(folder("there")) as there,
        separate_database(folder("here")) as here,
        serving(there, "tests.integration.pull.urls") as port,
        media_server(folder("media")) as media,
    ):
        holding.there(there.alias)
        media.put("cvs/ada.txt", b"Countess")
        yield Other(there=there.alias, here=here, port=port, media=media)
        for database in (there, here):
            connections[database.alias].close()


@pytest.fixture
def pulling(
    other: Other, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[Make]:
    """Gives what pulls a path in one way through a proxy, into tables that all differ.

    The path `posts` serves a few models that refer to one another in a circle, which is quicker.
    """
    folders = (tmp_path / "media", tmp_path / "temporary")
    for folder in folders:
        folder.mkdir()
    settings.MEDIA_ROOT = folders[0]
    monkeypatch.setattr("tempfile.tempdir", str(folders[1]))
    # No test waits for the next try.
    with (
        django_db_blocker.unblock(),
        FaultProxy(other.port) as proxy,
        stamina.set_testing(True, attempts=9, cap=True),
    ):
        holding.here(other.here.alias)
        ours, theirs = (holding.pulled(alias, "all") for alias in (other.here.alias, other.there))
        assert all(ours[table] != rows for table, rows in theirs.items())
        before = holding.contents(other.here.alias)

        def make(way: Way, path: str = "all", timeout: float = 60) -> Pulling:
            proxy.headers, proxy.framing = way.headers, way.framing
            return Pulling(
                other=other,
                proxy=proxy,
                way=way,
                path=path,
                before=before,
                folders=folders,
                timeout=timeout,
            )

        yield make


def places(body: bytes, count: int) -> list[int]:
    """Places in a body, its ends among them."""
    size = len(body)
    return sorted({0, 1, *range(size // count, size, size // count), size - 9, size - 2, size - 1})


@ways([*CLOSED, TOLD[0], CHUNKED[-1]])
def test_a_proxy_that_does_nothing_is_not_noticed(pulling: Make, way: Way) -> None:
    """What the tests below begin with, and that they fail for the right reason."""
    through = pulling(way)
    through.comes()
    (request,) = through.proxy.requests
    assert (request.path, request.headers["Authorization"]) == ("/sync/all/", AUTHORIZATION)


@ways(CLOSED)
def test_a_cut_that_looks_like_the_end(pulling: Make, way: Way) -> None:
    """The connection ends where an answer could end: what has come tells, packed or not."""
    through = pulling(way, "posts")
    for after in places(through.body(), 5):
        is_blank = after == 0 and way.packing != "gzip"
        error = Permanent if way.packing == "identity" or is_blank else Transient
        through.fails(Cut(after=after), error, INCOMPLETE)


def test_a_cut_between_lines(pulling: Make) -> None:
    """Whole lines, and no end: behind the header, some objects, all of them."""
    through = pulling(CLOSED[3], "posts")
    lines = through.body().splitlines(keepends=True)
    for count in (1, 2, len(lines) // 2, len(lines) - 1):
        through.fails(Cut(after=len(b"".join(lines[:count]))), Permanent, "its last line is missing")


@ways([*TOLD, *CHUNKED])
def test_a_cut_that_is_seen(pulling: Make, way: Way) -> None:
    """The other side has told how much would come; every other time it is killed."""
    through = pulling(way, "posts")
    for number, after in enumerate(places(through.body(), 2)):
        through.fails(Cut(after=after, resets=number % 2 == 1), Transient, "broke off")


@ways([OURS, OLD])
@pytest.mark.parametrize("after", [None, 0])
def test_a_cut_before_the_beginning_is_tried_again(pulling: Make, way: Way, after: int | None) -> None:
    """Where nothing has come, nothing is lost."""
    through = pulling(Way(way.version, way.packing, "length"))
    through.comes(Once(Cut(after=after)))
    assert through.asked == 2


@ways([OURS, OLD])
def test_the_pull_after_a_failure_is_whole(pulling: Make, way: Way) -> None:
    """A cut in the middle is the caller's matter, who pulls again by the same session."""
    through = pulling(way)
    through.fails(Cut(after=len(through.body()) // 2), Transient, "cut off")
    assert through.asked == 1
    through.comes()


@ways([OURS, OLD, TOLD[0], CHUNKED[-1]])
def test_a_silence_is_given_up(pulling: Make, way: Way) -> None:
    """Wherever it begins."""
    through = pulling(way, "posts", timeout=SHORT)
    size = len(through.body())
    for after in (0, size // 2, size - 1):
        through.fails(Stall(after=after, seconds=600), Transient, "did not answer in time")


@ways([OURS, OLD])
def test_a_silence_before_the_beginning_is_tried_again(pulling: Make, way: Way) -> None:
    """Nothing has come: the next one may answer."""
    through = pulling(way, timeout=LONG)
    through.comes(Once(Stall(after=0, seconds=600)))
    assert through.asked == 2


@ways([OURS, OLD])
def test_slowness_is_no_fault(pulling: Make, way: Way) -> None:
    """Byte by byte."""
    pulling(way, "posts").comes(Drip(size=1))


@ways([*CLOSED, *TOLD])
def test_an_answer_that_comes_twice_is_none(pulling: Make, way: Way) -> None:
    """Nothing may come after the end."""
    through = pulling(way, "posts")
    told = "goes on after its end" if way.version == 2 else "something comes after it"
    through.fails(Duplicate(size=len(through.body())), Permanent, told)


@ways(CHUNKED)
def test_what_comes_after_the_last_chunk_is_not_read(pulling: Make, way: Way) -> None:
    """The answer has ended there."""
    pulling(way, "posts").comes(Duplicate(size=1 << 20))


@ways([CLOSED[3], TOLD[3]])
def test_lines_that_come_twice_are_counted(pulling: Make, way: Way) -> None:
    """The header, the first object, some, many, the last one with the end."""
    through = pulling(way, "posts")
    lines = through.body().splitlines(keepends=True)
    for first, last in ((0, 1), (1, 2), (2, 9), (5, len(lines) - 1), (len(lines) - 2, len(lines))):
        start, size = len(b"".join(lines[:first])), len(b"".join(lines[first:last]))
        told = "it is not the whole|goes on after its end|is neither an object nor the end"
        through.fails(Duplicate(size=size, start=start), Permanent, told)


def test_objects_that_come_twice_in_version_1_are_the_same(pulling: Make) -> None:
    """It has no count: the last of them counts (docs/explanation/pulling.md)."""
    through = pulling(TOLD[0], "posts")
    objects = re.finditer(rb'{"model": "blog.post"', through.body())
    first, second = (found.start() for found in islice(objects, 3, 5))
    through.comes(Duplicate(size=second - first, start=first))


@ways(PACKED)
def test_packed_bytes_that_come_twice_are_damage(pulling: Make, way: Way) -> None:
    """Few or many: other values are never taken for those of the other site."""
    through = pulling(way, "posts")
    size = len(through.body())
    found = [
        through.fails_or_comes(Duplicate(size=length, start=start))
        for length in (1, 300)
        for start in range(0, size - length, size // 7)
    ]
    assert sum(found) > len(found) / 2


@ways(PACKED)
def test_a_bit_that_flips_is_damage(pulling: Make, way: Way) -> None:
    """Packed answers have a checksum."""
    through = pulling(way, "posts")
    bits = len(through.body()) * 8
    found = [through.fails_or_comes(Flip(bit=bit)) for bit in range(0, bits, bits // 19)]
    assert sum(found) > len(found) / 2


@ways(TOLD)
def test_a_wrong_length(pulling: Make, way: Way) -> None:
    """What is missing is missed, and so is what never comes."""
    through = pulling(way, "posts")
    size = len(through.body())
    for by in (1, 1000):
        through.fails(WrongLength(by=by), Transient, "broke off")
    for by in (-size, -size // 2, -9, -1):
        is_blank = by == -size and way.packing != "gzip"
        error = Permanent if way.packing == "identity" or is_blank else Transient
        through.fails(WrongLength(by=by), error, INCOMPLETE)


@ways([OURS, OLD])
@pytest.mark.parametrize(
    ("status", "retry_after"), [(429, "0"), (429, "Wed, 21 Oct 2015 07:28:00 GMT"), (503, "1"), (503, None)]
)
def test_a_busy_site_is_asked_again(pulling: Make, way: Way, status: int, retry_after: str | None) -> None:
    """In seconds, as a date, or not at all."""
    through = pulling(way)
    through.comes(Busy(status, times=1, retry_after=retry_after))
    assert through.asked == 2


@ways([OURS, OLD])
@pytest.mark.parametrize(
    ("status", "retry_after", "asked"), [(429, "1", 3), (429, "3600", 1), (503, "1", 3), (503, None, 3)]
)
def test_a_site_that_stays_busy_is_given_up(
    pulling: Make, way: Way, status: int, retry_after: str | None, asked: int
) -> None:
    """With what it says; a long wait is left to the caller."""
    through = pulling(way)
    fault = Busy(status, times=99, retry_after=retry_after, says=b"maintenance")
    error = through.fails(fault, Transient, f"answered {status}: maintenance")
    assert isinstance(error, Transient)
    assert error.retry_after == (float(retry_after) if retry_after else None)
    assert through.asked == asked


@ways([OURS, OLD])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_site_is_followed(pulling: Make, way: Way, status: int) -> None:
    """With the token."""
    through = pulling(way)
    through.comes(Redirect(to="/sync/all/?moved", status=status))
    assert [request.path for request in through.proxy.requests] == ["/sync/all/", "/sync/all/?moved"]
    assert {request.headers["Authorization"] for request in through.proxy.requests} == {AUTHORIZATION}


def test_redirects_in_a_circle_end(pulling: Make) -> None:
    """Five are enough for anybody."""
    through = pulling(OURS)
    through.fails(Redirect(to="/sync/all/", times=99), Permanent, "redirects more than 5 times")
    assert through.asked == 6


@ways([OURS, OLD])
@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 301), ("127.0.0.1", 307), ("localhost", 302), ("localhost", 308), ("127.0.0.2", 303)],
)
def test_the_token_never_goes_to_another_host(pulling: Make, way: Way, host: str, status: int) -> None:
    """Another name or port is another host, even if it would have what was asked for: it is not asked."""
    through = pulling(way)
    packing = {"Content-Encoding": way.packing}
    with answering(body=through.body(), media_type=TYPES[way.version], headers=packing) as listener:
        to = f"http://{host}:{listener.port}"
        through.fails(
            Redirect(to=f"{to}/sync/all/", status=status), Permanent, f"to {re.escape(to)}, another host"
        )
        assert listener.asked == []
    assert through.asked == 1


def test_the_command_says_it_in_one_line(pulling: Make, tmp_path: Path) -> None:
    """`manage.py pull` ends with status 1, and has written nothing."""
    through = pulling(OURS)
    through.proxy.fault = Cut(after=700)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    ended = through.other.here.run(
        "pull", "all", "--clean", "--url", f"{through.proxy.url}/sync/", "--token-file", token
    )
    assert ended.returncode == 1
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("CommandError: ")]
    assert line == f"CommandError: {through.address} was cut off in the middle of its packed content"
    assert "Traceback" not in ended.stderr
    assert holding.contents(through.here) == through.before
