"""Media that are elsewhere: redirects are followed without secrets, and not into private networks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from django.core.files.storage import FileSystemStorage

from modelsync.core.errors import Permanent
from modelsync.media.fetching import Fetcher
from modelsync.media.parts import PREFIX, part
from modelsync.media.redirects import Redirects
from modelsync.sources.site import Connection
from tests.integration.media.conftest import Downloading
from tests.integration.media.files import left
from tests.integration.media.serving import MediaServer, media_server

#: An address of the internet; nothing is sent there.
PUBLIC = "https://93.184.215.14/media/"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[MediaServer]:
    """Another host, where the media are. Ask for it first: it waits for connections to be closed."""
    with media_server(tmp_path / "elsewhere", host="127.0.0.2") as media:
        media.put("a.txt", b"it")
        yield media


def test_files_come_from_another_host(
    elsewhere: MediaServer, to_disk: Downloading, server: MediaServer, folder: Path
) -> None:
    """As from a network that delivers content for a site."""
    server.moved = elsewhere.url
    assert to_disk("a.txt").downloaded == 1
    assert (folder / "a.txt").read_bytes() == b"it"
    server.moved = f"http://localhost:{server.port}/media/"
    assert "redirects more than 5 times" in to_disk("b.txt").warnings[0][1]
    assert len(server.asked) == 1 + 6


def test_another_host_gets_no_secrets(
    elsewhere: MediaServer, to_disk: Downloading, server: MediaServer, connection: Connection
) -> None:
    """No token, none from the address either, and no cookie, wherever it would be valid."""
    server.moved = elsewhere.url.replace("http://", "http://user:secret@")
    connection.client.cookies.set("session", "secret", domain="127.0.0.2")
    connection.client.headers["Authorization"] = "secret"
    assert to_disk("a.txt", token="secret").downloaded == 1
    ((_, headers),) = elsewhere.asked
    assert not {"Authorization", "Cookie"} & set(headers)
    assert "secret" not in str(headers)


def test_what_is_not_there_is_missing(
    elsewhere: MediaServer, to_disk: Downloading, server: MediaServer
) -> None:
    """Though the answer is a page."""
    server.moved = elsewhere.url
    assert to_disk("gone.txt").missing == 1


def test_a_page_in_place_of_a_file_is_refused(
    elsewhere: MediaServer, to_disk: Downloading, server: MediaServer, folder: Path
) -> None:
    """Such as the one to log in at; a file that is a page comes."""
    elsewhere.put("page.html", b"<h1>Log in</h1>")
    elsewhere.headers = {"Content-Type": "text/html; charset=utf-8"}
    server.moved = elsewhere.url
    report = to_disk("a.txt", "page.html")
    assert (report.downloaded, report.failed) == (1, 1)
    assert "is a page and not the file" in report.warnings[0][1]
    assert left(folder) == ["page.html"]


def test_the_limits_are_the_same_there(
    elsewhere: MediaServer, to_disk: Downloading, server: MediaServer, folder: Path
) -> None:
    """However large it says that it is."""
    elsewhere.put("large.txt", b"x" * 101)
    server.moved = elsewhere.url
    for elsewhere.lengths in (True, False):
        assert "more than 100 bytes" in to_disk("large.txt", most_bytes=100).warnings[0][1]
    assert left(folder) == []


def test_a_cut_file_is_continued_there(
    elsewhere: MediaServer, to_disk: Downloading, server: MediaServer, folder: Path
) -> None:
    """Each try is redirected anew: signatures expire."""
    elsewhere.put("slow.txt", b"x" * 60)
    elsewhere.drip = 0.02
    server.moved = elsewhere.url
    report = to_disk("slow.txt", most_seconds=0.4)
    assert "took more than" in report.warnings[0][1]
    (unfinished,) = folder.glob(f"{PREFIX}*.part")
    there = unfinished.stat().st_size
    assert 0 < there < 60
    elsewhere.drip = 0.0
    assert to_disk("slow.txt").downloaded == 1
    assert elsewhere.ranges_asked() == [None, f"bytes={there}-"]
    assert len(server.asked) == 2


def asked_from_outside(location: str, disk: FileSystemStorage) -> tuple[str, list[str]]:
    """What is told, and what was asked, where media of the internet redirect to there."""
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        if str(request.url).startswith(PUBLIC):
            return httpx2.Response(302, headers={"Location": location})
        return httpx2.Response(200, content=iter([b"it"]))

    with Connection(transport=httpx2.MockTransport(answer)) as connection:
        connection.client._mounts.clear()
        report = Downloading(connection, PUBLIC, disk)("a.txt")
    return "".join(reason for _, reason in report.warnings), asked


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0.0.0.0", "[::1]", "[::]"),
        *("10.0.0.1", "172.16.3.4:8080", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
        *("[::ffff:10.0.0.1]", "[fd00::1]", "[fe80::1%25eth0]", "u:p@127.0.0.1"),
    ],
)
def test_the_internet_leads_into_no_private_network(host: str, disk: FileSystemStorage, folder: Path) -> None:
    """What only this machine or its network can reach is not fetched for others, however it is written."""
    told, asked = asked_from_outside(f"https://{host}/admin", disk)
    assert "private network" in told
    assert asked == [f"{PUBLIC}a.txt"]
    assert left(folder) == []


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://93.184.215.15/a.txt", "not encrypted"),
        ("file:///etc/passwd", "not encrypted"),
        ("https://[::1", "no address"),
    ],
)
def test_redirects_that_lead_nowhere_are_told(location: str, reason: str, disk: FileSystemStorage) -> None:
    """And encryption is not given up."""
    told, asked = asked_from_outside(location, disk)
    assert reason in told
    assert asked == [f"{PUBLIC}a.txt"]


def test_a_redirect_leads_to_the_web() -> None:
    """Not to another kind of server."""
    redirects = Redirects(from_inside=True)
    with pytest.raises(Permanent, match=r"to ftp://h/a.txt, which is no https address"):
        redirects.follow(httpx2.URL("http://h/a.txt"), "ftp://h/a.txt?key=secret")


def test_the_internet_leads_to_the_internet(disk: FileSystemStorage) -> None:
    """What it is for."""
    told, asked = asked_from_outside("https://93.184.215.15/x?signature=secret", disk)
    assert told == ""
    assert asked[1] == "https://93.184.215.15/x?signature=secret"


def test_a_name_that_leads_inside_after_it_was_looked_up_is_noticed(
    elsewhere: MediaServer, server: MediaServer, connection: Connection, folder: Path
) -> None:
    """A name server may say one thing now and another one in a moment; what came is not kept."""
    folder.mkdir()
    server.moved = elsewhere.url
    fetcher = Fetcher(
        connection=connection,
        redirects=Redirects(from_inside=False, look_up=lambda host: ["93.184.215.15"]),
        most=1 << 20,
        seconds=60,
        stop=threading.Event(),
    )
    with pytest.raises(Permanent, match="private network"), part(folder, "a.txt") as unfinished:
        fetcher.fetch(f"{server.url}a.txt", unfinished, fetcher.deadline())
    assert left(folder) == []
