"""Files come whole, once, under the names that the rows say; what fails is told with its object."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

from modelsync.core.errors import ConfigurationError
from modelsync.media import FileDone, FileNames, FileOutcome, download
from modelsync.sources.site import Connection
from tests.integration.media.conftest import Downloading
from tests.integration.media.files import left, picture, read, ref
from tests.integration.media.serving import MediaServer

ODD = [
    "a b/c d.txt",
    "photos/100%.txt",
    "ä/ö?x=1&y.txt",
    "a/#b.txt",
    "x/%2e%2e.txt",
    "plus+.txt",
    "日本/語.txt",
]


def test_files_come(downloading: Downloading, storage: Storage, server: MediaServer) -> None:
    """Into folders that are made, with their content, whatever the storage."""
    contents = {f"photos/{n}.bin": server.put(f"photos/{n}.bin", b"x" * n * 1000) for n in range(30)}
    report = downloading(*contents)
    assert {name: read(storage, name) for name in contents} == contents
    assert (report.downloaded, report.is_complete, report.warnings) == (30, True, [])
    assert report.bytes == sum(map(len, contents.values()))


def test_a_second_download_asks_for_nothing(downloading: Downloading, server: MediaServer) -> None:
    """What is here by its name is left alone."""
    server.put("a.txt", b"one")
    downloading("a.txt")
    server.put("a.txt", b"two")
    report = downloading("a.txt")
    assert (report.downloaded, report.present) == (0, 1)
    assert server.paths() == ["/media/a.txt"]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_are_asked_for_as_they_are(
    downloading: Downloading, storage: Storage, server: MediaServer, name: str
) -> None:
    """Each segment is quoted, also what looks quoted already."""
    server.put(name, b"it")
    assert downloading(name).downloaded == 1
    assert read(storage, name) == b"it"


def test_a_missing_file_is_told_with_its_object(
    to_disk: Downloading, server: MediaServer, folder: Path
) -> None:
    """The others come; nothing stays of the missing one."""
    server.put("here.txt", b"it")
    report = to_disk("gone.txt", "here.txt")
    assert (report.downloaded, report.missing, report.is_complete) == (1, 1, False)
    ((named, reason),) = report.warnings
    assert str(named) == "blog.person 1 photo: gone.txt"
    assert "404" in reason
    assert "missing" in reason
    assert left(folder) == ["here.txt"]


def test_names_that_escape_are_refused_alone(
    to_disk: Downloading, server: MediaServer, folder: Path, tmp_path: Path
) -> None:
    """Nothing is asked or written for them; the others come."""
    server.put("good.txt", b"it")
    (tmp_path / "there" / "secret.txt").write_bytes(b"secret")
    bad = ["../out.txt", "/etc/passwd", "a/../../out.txt", "a\\b.txt", "C:/x.txt", "a\0b", "a//b", "x" * 300]
    report = to_disk(*bad, "good.txt")
    assert (report.refused, report.downloaded, report.warned) == (len(bad), 1, len(bad))
    assert server.paths() == ["/media/good.txt"]
    assert left(folder) == ["good.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "there"]


def test_names_as_long_as_they_may_be_come(to_disk: Downloading, server: MediaServer) -> None:
    """255 bytes a segment leave no room for a suffix: unfinished files have short names."""
    name = "/".join("n" * 255 for _ in range(3))
    server.put(name, b"it")
    assert to_disk(name).downloaded == 1


def test_a_file_named_twice_is_fetched_once(to_disk: Downloading, server: MediaServer) -> None:
    """Also by many threads at once, and where the second name comes much later."""
    names = [f"{number}.txt" for number in range(50)]
    for name in names:
        server.put(name, b"it")
    report = to_disk(*names, *reversed(names), *names)
    assert report.downloaded == 50
    assert set(Counter(server.paths()).values()) == {1}


def test_one_name_in_two_storages_is_two_files(
    server: MediaServer, connection: Connection, tmp_path: Path
) -> None:
    """Fields may have storages of their own."""
    server.put("a.txt", b"it")
    storages: dict[str, Storage] = {"photo": FileSystemStorage(tmp_path / "one"), "cv": InMemoryStorage()}
    files = [ref("a.txt"), ref("a.txt"), ref("a.txt")]
    files[1:] = [type(files[0])(model="blog.person", pk="1", field="cv", name="a.txt")]
    report = download(
        files, media_url=server.url, connection=connection, storage_of=lambda ref: storages[ref.field]
    )
    assert report.downloaded == 2
    assert all(read(storage, "a.txt") == b"it" for storage in storages.values())


def test_several_are_fetched_at_once(to_disk: Downloading, server: MediaServer) -> None:
    """While the first is held up, the others come."""
    server.put("large.bin", b"x" * 500_000)
    names = [f"{number}.txt" for number in range(20)]
    for name in names:
        server.put(name, b"it")
    server.held = 1000

    def progress(done: FileDone) -> None:
        if done.done == len(names):
            server.go_on.set()

    report = to_disk("large.bin", *names, progress=progress, workers=2)
    assert report.downloaded == 21


def test_progress_is_told_of_each_file(to_disk: Downloading, server: MediaServer) -> None:
    """How many of how many, and what came of each."""
    server.put("a.txt", b"it")
    to_disk("a.txt", "gone.txt", "../x")
    told: list[FileDone] = to_disk.progress
    assert [(each.done, each.total) for each in told] == [(1, 3), (2, 3), (3, 3)]
    outcomes = {each.ref.name: each.outcome for each in told}
    assert outcomes == {
        "a.txt": FileOutcome.DOWNLOADED,
        "gone.txt": FileOutcome.MISSING,
        "../x": FileOutcome.REFUSED,
    }


def test_no_token_is_sent_to_where_media_are(to_disk: Downloading, server: MediaServer) -> None:
    """Whoever serves media need not know it."""
    server.put("a.txt", b"it")
    to_disk("a.txt", token="secret")
    assert "Authorization" not in server.asked[0][1]


@pytest.mark.parametrize(
    "url", ["", "media/", "ftp://example.org/", "https://u:p@example.org/", "http://e.org/?a=1"]
)
def test_an_address_that_names_cannot_be_added_to_is_an_error(to_disk: Downloading, url: str) -> None:
    """Before anything is asked."""
    with pytest.raises(ConfigurationError):
        to_disk("a.txt", media_url=url)


def test_large_files_are_refused(to_disk: Downloading, server: MediaServer, folder: Path) -> None:
    """Whether the server says how large they are, or not."""
    server.put("large.bin", b"x" * 100_001)
    server.put("fits.bin", b"x" * 100_000)
    for lengths in (True, False):
        server.lengths = lengths
        report = to_disk("large.bin", most_bytes=100_000)
        assert report.failed == 1
        assert "more than 100,000 bytes" in report.warnings[0][1]
        assert left(folder) == []
    assert to_disk("fits.bin", most_bytes=100_000).downloaded == 1


def test_a_file_that_says_it_is_too_large_is_not_read(to_disk: Downloading, server: MediaServer) -> None:
    """The server holds the content back; nobody waits for it."""
    server.put("large.bin", b"x" * 100_001)
    server.held = 10
    report = to_disk("large.bin", most_bytes=100_000)
    assert "more than 100,000 bytes" in report.warnings[0][1]


def test_broken_images_are_not_kept(downloading: Downloading, storage: Storage, server: MediaServer) -> None:
    """Of an ImageField; a FileField takes any content."""
    good = server.put("good.png", picture())
    server.put("broken.png", good[:40])
    server.put("page.png", b"<html>not found</html>")
    report = downloading("good.png", "broken.png", "page.png", is_image=True)
    assert (report.downloaded, report.failed) == (1, 2)
    assert all("image" in reason for _, reason in report.warnings)
    assert [storage.exists(name) for name in ("good.png", "broken.png", "page.png")] == [True, False, False]
    assert downloading("page.png").downloaded == 1


def test_empty_files_come(downloading: Downloading, storage: Storage, server: MediaServer) -> None:
    """A file of nothing is one."""
    server.put("empty.txt", b"")
    assert downloading("empty.txt").downloaded == 1
    assert storage.exists("empty.txt")
    assert storage.size("empty.txt") == 0


def test_permissions_are_those_of_the_storage(
    server: MediaServer, connection: Connection, folder: Path
) -> None:
    """Of the file and of its folders."""
    storage = FileSystemStorage(folder, file_permissions_mode=0o640, directory_permissions_mode=0o750)
    server.put("a/b/c.txt", b"it")
    Downloading(connection, server.url, storage)("a/b/c.txt")
    modes = [(folder / name).stat().st_mode & 0o777 for name in ("a/b/c.txt", "a/b", "a")]
    assert modes == [0o640, 0o750, 0o750]


class Renaming(InMemoryStorage):
    """Keeps everything under another name."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return f"other-{name}"


class Failing(FileSystemStorage):
    """Breaks down when half of a file is written."""

    def _save(self, name: str, content: Any) -> str:
        super()._save(name, ContentFile(content.read(3)))
        raise RuntimeError("the disk is full")


def test_a_storage_that_chooses_its_names_keeps_nothing(server: MediaServer, connection: Connection) -> None:
    """The row would not find it."""
    storage = Renaming()
    server.put("a.txt", b"it")
    report = Downloading(connection, server.url, storage)("a.txt")
    assert report.failed == 1
    assert "chose another" in report.warnings[0][1]
    assert storage.listdir("")[1] == []


def test_a_storage_that_fails_leaves_no_half_file(
    server: MediaServer, connection: Connection, folder: Path
) -> None:
    """What it had written is deleted; the run goes on."""
    server.put("a.txt", b"hello")
    report = Downloading(connection, server.url, Failing(folder))("a.txt")
    assert report.failed == 1
    assert "RuntimeError" in report.warnings[0][1]
    assert left(folder) == []


def test_a_folder_where_a_file_is_wanted_is_told(
    to_disk: Downloading, server: MediaServer, folder: Path
) -> None:
    """A name that is a file here cannot be a folder there, too."""
    folder.mkdir()
    (folder / "a").write_bytes(b"a file")
    server.put("a/b.txt", b"it")
    report = to_disk("a/b.txt")
    assert report.failed == 1
    assert left(folder) == ["a"]


def test_the_same_storage_object_is_the_default_one(
    server: MediaServer, connection: Connection, settings: Any
) -> None:
    """Without `storage_of` it is that of the field: here MEDIA_ROOT."""
    server.put("photos/a.txt", b"it")
    report = download([ref("photos/a.txt")], media_url=server.url, connection=connection)
    assert report.downloaded == 1
    assert (Path(settings.MEDIA_ROOT) / "photos/a.txt").read_bytes() == b"it"


def test_names_that_were_collected_can_be_given(
    to_disk: Downloading, server: MediaServer, disk: Storage
) -> None:
    """And asked again afterwards."""
    server.put("a.txt", b"it")
    with FileNames([ref("a.txt")]) as names:
        report = download(
            names, media_url=server.url, connection=to_disk.connection, storage_of=lambda ref: disk
        )
        assert (report.downloaded, len(names)) == (1, 1)


def test_an_observer_that_fails_ends_the_run(to_disk: Downloading, server: MediaServer, folder: Path) -> None:
    """Its error comes out, the threads are gone, no file is half there."""
    for number in range(100):
        server.put(f"{number}.txt", b"it" * 10_000)

    def progress(done: FileDone) -> None:
        raise RuntimeError("no terminal")

    with pytest.raises(RuntimeError, match="no terminal"):
        to_disk(*(f"{number}.txt" for number in range(100)), progress=progress)
    assert len(server.paths()) < 100
    assert {(folder / name).stat().st_size for name in left(folder) if name.endswith("txt")} == {20_000}
