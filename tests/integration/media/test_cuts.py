"""A network that does harm: no half-written file is ever under its name, and parts are continued."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage

from modelsync.media import FilesReport
from modelsync.media.fetching import Fetcher
from modelsync.media.parts import PREFIX, Stopped, part
from modelsync.media.redirects import Redirects
from modelsync.sources.site import Connection
from tests.integration.media.conftest import Downloading
from tests.integration.media.files import left
from tests.integration.media.serving import MediaServer
from tests.proxy import Busy, Cut, Duplicate, Fault, FaultProxy, Stall, WrongLength
from tests.separate import ROOT

CONTENT = os.urandom(200_000)
Through = Callable[..., FilesReport]


@pytest.fixture(autouse=True)
def _content(server: MediaServer) -> None:
    server.put("a.bin", CONTENT)


@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("after", [None, 0, 1, 70_000, 199_999])
def test_a_cut_leaves_no_file_under_its_name(
    through: Through, proxy: FaultProxy, folder: Path, after: int | None, resets: bool
) -> None:
    """It is tried a few times, then told; the next run has it."""
    proxy.fault = Cut(after=after, resets=resets)
    report = through("a.bin", tries=1)
    assert report.failed == 1
    assert "a.bin" not in left(folder)
    proxy.fault = Fault()
    assert through("a.bin").downloaded == 1
    assert left(folder) == ["a.bin"]
    assert (folder / "a.bin").read_bytes() == CONTENT


def test_a_cut_file_is_continued(
    through: Through, proxy: FaultProxy, server: MediaServer, folder: Path
) -> None:
    """Within a run, and by the next one: each try has the rest to fetch."""
    proxy.fault = Cut(after=50_000)
    assert through("a.bin", tries=2).failed == 1
    proxy.fault = Fault()
    assert through("a.bin").downloaded == 1
    assert server.ranges_asked() == [None, "bytes=50000-", "bytes=100000-"]
    assert (folder / "a.bin").read_bytes() == CONTENT


def test_a_cut_file_is_continued_for_storages_without_paths(
    downloading: Downloading, proxy: FaultProxy, server: MediaServer
) -> None:
    """Within the run."""
    proxy.fault = Cut(after=90_000)
    assert downloading("a.bin", media_url=f"{proxy.url}/media/").downloaded == 1
    assert server.ranges_asked() == [None, "bytes=90000-", "bytes=180000-"]
    with downloading.storage.open("a.bin") as file:
        assert file.read() == CONTENT


def begun(through: Through, proxy: FaultProxy) -> None:
    """Have half of the file here."""
    proxy.fault = Cut(after=100_000)
    assert through("a.bin", tries=1).failed == 1
    proxy.fault = Fault()


def test_a_file_that_has_changed_is_begun_anew(
    through: Through, proxy: FaultProxy, server: MediaServer, folder: Path
) -> None:
    """Two halves of two versions are no file."""
    begun(through, proxy)
    new = server.put("a.bin", os.urandom(200_000))
    assert through("a.bin").downloaded == 1
    # The server was told which version it was to continue, so it sent all of the new one at once.
    assert server.ranges_asked() == [None, "bytes=100000-"]
    assert (folder / "a.bin").read_bytes() == new


@pytest.mark.parametrize(
    "changes",
    [
        {"ETag": '"other"'},
        {"Content-Range": "bytes 0-199999/200000"},
        {"Content-Range": "bytes 100000-199999/200001"},
        {"Content-Range": "bytes 100000-150000/200000"},
        {"Content-Range": "bytes 100000-199999/*"},
        {"Content-Range": "nonsense"},
    ],
)
def test_a_part_that_does_not_fit_is_begun_anew(
    through: Through, proxy: FaultProxy, server: MediaServer, folder: Path, changes: dict[str, str]
) -> None:
    """A 206 counts only when it is the rest of the same content."""
    begun(through, proxy)
    server.changes = changes
    assert through("a.bin").downloaded == 1
    assert server.ranges_asked() == [None, "bytes=100000-", None]
    assert (folder / "a.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("lacks", ["etags", "ranges"])
def test_servers_that_cannot_continue_send_all(
    through: Through, proxy: FaultProxy, server: MediaServer, folder: Path, lacks: str
) -> None:
    """Without ranges, or without a way to tell versions apart."""
    setattr(server, lacks, False)
    begun(through, proxy)
    assert through("a.bin").downloaded == 1
    assert left(folder) == ["a.bin"]
    assert (folder / "a.bin").read_bytes() == CONTENT


def test_what_cannot_be_continued_does_not_stay(
    through: Through, proxy: FaultProxy, server: MediaServer, folder: Path
) -> None:
    """A part of which nobody can tell the version is of no use."""
    server.etags = False
    begun(through, proxy)
    assert left(folder) == []


def test_a_run_that_is_given_up_ends_its_downloads(
    server: MediaServer, connection: Connection, folder: Path
) -> None:
    """Between two pieces; nobody waits for the end of a large file."""
    folder.mkdir()
    stop = threading.Event()
    stop.set()
    redirects = Redirects(from_inside=True)
    fetcher = Fetcher(connection=connection, redirects=redirects, most=1 << 20, seconds=60, stop=stop)
    with pytest.raises(Stopped), part(folder, "a.bin") as unfinished:
        fetcher.fetch(f"{server.url}a.bin", unfinished, fetcher.deadline())
    assert left(folder) == []


def test_a_part_that_is_whole_already_is_not_doubled(
    through: Through, proxy: FaultProxy, server: MediaServer, folder: Path
) -> None:
    """Killed before the move: there is no rest to ask for (416)."""
    begun(through, proxy)
    (unfinished,) = folder.glob(f"{PREFIX}*.part")
    unfinished.write_bytes(CONTENT)
    assert through("a.bin").downloaded == 1
    assert (folder / "a.bin").read_bytes() == CONTENT


def test_a_damaged_note_is_no_obstacle(through: Through, proxy: FaultProxy, folder: Path) -> None:
    """The file is begun anew."""
    begun(through, proxy)
    (note,) = folder.glob(f"{PREFIX}*.note")
    note.write_bytes(b'{"etag": 1')
    assert through("a.bin").downloaded == 1
    assert (folder / "a.bin").read_bytes() == CONTENT


def test_a_part_is_gone_when_the_file_is(
    through: Through, proxy: FaultProxy, server: MediaServer, folder: Path
) -> None:
    """Nothing to continue."""
    begun(through, proxy)
    (server.root / "a.bin").unlink()
    assert through("a.bin").missing == 1
    assert left(folder) == []


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_server_is_asked_again(through: Through, proxy: FaultProxy, status: int) -> None:
    """As often as tries are given."""
    proxy.fault = Busy(status, times=2, retry_after="1")
    assert through("a.bin", tries=3).downloaded == 1
    assert len(proxy.requests) == 3
    proxy.fault = Busy(status, times=9)
    report = through("b.bin", tries=3)
    assert (report.failed, len(proxy.requests)) == (1, 6)
    assert str(status) in report.warnings[0][1]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refusal_is_not_asked_again(through: Through, proxy: FaultProxy, folder: Path, status: int) -> None:
    """One request, one warning."""
    proxy.fault = Busy(status, times=9)
    report = through("a.bin")
    assert (report.failed, len(proxy.requests)) == (1, 1)
    assert left(folder) == []


def test_a_stall_is_tried_again(proxy: FaultProxy, disk: FileSystemStorage, folder: Path) -> None:
    """A server that falls silent is a cut."""
    proxy.fault = Stall(after=50_000, seconds=60)
    with Connection(timeout=0.2) as connection:
        report = Downloading(connection, f"{proxy.url}/media/", disk)("a.bin", tries=2)
    assert report.failed == 1
    assert "in time" in report.warnings[0][1]
    assert "a.bin" not in left(folder)


@pytest.mark.parametrize("fault", [WrongLength(by=5), WrongLength(by=-5), Duplicate(1000)])
def test_lengths_that_lie_leave_nothing_longer_or_shorter(
    through: Through, proxy: FaultProxy, folder: Path, fault: Fault
) -> None:
    """What is not as long as announced is no file; what cannot be seen here, the index tells."""
    proxy.fault = fault
    report = through("a.bin", tries=1)
    if isinstance(fault, WrongLength) and fault.by > 0:
        assert report.failed == 1
        assert "a.bin" not in left(folder)
    else:
        assert report.downloaded == 1


def test_two_that_fetch_one_file_do_not_mix(folder: Path) -> None:
    """The second one has a part of its own, and leaves that of the first alone."""
    folder.mkdir()
    with part(folder, "a.bin") as first:
        first.path.write_bytes(b"first")
        with part(folder, "a.bin") as second:
            assert second.path != first.path
            second.path.write_bytes(b"second")
        assert first.path.read_bytes() == b"first"
        assert len(left(folder)) == 2
    assert left(folder) == []


KILLED = """
import django; django.setup()
import sys
from django.core.files.storage import FileSystemStorage
from modelsync.media import FileRef, download
from modelsync.sources.site import Connection
storage = FileSystemStorage(sys.argv[2])
files = [FileRef(model="blog.person", pk="1", field="photo", name="a.bin")]
with Connection() as connection:
    download(files, media_url=sys.argv[1], connection=connection, storage_of=lambda ref: storage)
"""


def test_a_killed_process_leaves_no_file_under_its_name(
    to_disk: Downloading, server: MediaServer, folder: Path
) -> None:
    """And the next one continues what it had."""
    server.held = 150_000
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", KILLED, server.url, str(folder)], env=environment)
    try:
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in folder.glob(f"{PREFIX}*.part")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert "a.bin" not in left(folder)
    (unfinished,) = folder.glob(f"{PREFIX}*.part")
    there = unfinished.stat().st_size
    server.held = None
    server.go_on.set()
    assert to_disk("a.bin").downloaded == 1
    assert server.ranges_asked() == [None, f"bytes={there}-"]
    assert left(folder) == ["a.bin"]
    assert (folder / "a.bin").read_bytes() == CONTENT
