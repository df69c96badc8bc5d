"""Files are compared with an index that the other site serves, and fetched again where they differ."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, default_storage

from modelsync.core.errors import ConfigurationError, Permanent, SourceError, Transient
from modelsync.media import FileRef
from modelsync.serving.files import Hashes, file_index
from tests.blog.models import Person
from tests.integration.media.conftest import Downloading
from tests.integration.media.files import left, read
from tests.integration.media.serving import MediaServer
from tests.integration.site.serving import Answering, serving
from tests.proxy import Cut, FaultProxy


@pytest.fixture
def route() -> Iterator[Answering]:
    """What serves the index."""
    with serving(headers={"Connection": "close"}) as answering:
        yield answering


def line(name: str, content: bytes) -> bytes:
    found = hashlib.sha256(content).hexdigest()
    return f'{{"name":"{name}","size":{len(content)},"sha256":"{found}"}}\n'.encode()


def index(files: dict[str, bytes]) -> bytes:
    """The index of these files."""
    lines = b"".join(line(name, content) for name, content in files.items())
    return lines + f'{{"end":true,"count":{len(files)}}}\n'.encode()


def test_what_differs_is_fetched_again(
    downloading: Downloading, storage: Storage, server: MediaServer, route: Answering
) -> None:
    """By size or by hash, under the same name; what is equal is not fetched."""
    there = {name: server.put(name, name.encode() * 100) for name in ("same", "size", "hash", "new")}
    for name, content in {"same": there["same"], "size": b"short", "hash": b"x" * 400}.items():
        storage.save(name, ContentFile(content))
    route.body = index(there)
    report = downloading(*there, verify=True, index_url=route.url, token="secret")
    assert (report.present, report.downloaded, report.warnings) == (1, 3, [])
    assert {name: read(storage, name) for name in there} == there
    assert sorted(server.paths()) == ["/media/hash", "/media/new", "/media/size"]
    assert sorted(storage.listdir("")[1]) == sorted(there)


def test_the_token_goes_to_the_index_alone(
    to_disk: Downloading, server: MediaServer, route: Answering
) -> None:
    """The route asks for it, the media do not."""
    route.body = index({"a": server.put("a", b"it")})
    to_disk("a", verify=True, index_url=route.url, token="secret")
    assert route.authorizations() == ["Basic c2VjcmV0Og=="]
    assert "Authorization" not in server.asked[0][1]


def test_content_that_is_not_that_of_the_index_is_not_kept(
    to_disk: Downloading, server: MediaServer, route: Answering, folder: Path, disk: FileSystemStorage
) -> None:
    """What was here stays."""
    disk.save("a", ContentFile(b"old"))
    server.put("a", b"wrong")
    route.body = index({"a": b"right"})
    report = to_disk("a", verify=True, index_url=route.url)
    assert report.failed == 1
    assert "index" in report.warnings[0][1]
    assert read(disk, "a") == b"old"
    assert left(folder) == ["a"]


def test_a_file_that_the_index_lacks_stays_with_a_warning(
    to_disk: Downloading, route: Answering, disk: FileSystemStorage
) -> None:
    """There is nothing to compare it with."""
    disk.save("a", ContentFile(b"old"))
    route.body = index({})
    report = to_disk("a", verify=True, index_url=route.url)
    assert (report.present, report.warned, report.is_complete) == (1, 1, True)


def test_verifying_needs_an_index(to_disk: Downloading) -> None:
    """Said before anything is asked."""
    with pytest.raises(ConfigurationError, match="index"):
        to_disk("a", verify=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        line("a", b"it"),
        line("a", b"it")[:-5],
        line("a", b"it") + b'{"end":true,"count":2}\n',
        line("a", b"it") + b'{"end":false,"count":1}\n',
        line("a", b"it") + b'{"error":"the disk is gone"}\n',
        b'{"end":true,"count":0}\n' + line("a", b"it"),
        b"<html>\n",
        b"[1,2]\n",
        b'{"name":"a","size":-1,"sha256":"' + b"0" * 64 + b'"}\n{"end":true,"count":1}\n',
        b'{"name":"a","size":1,"sha256":"zz"}\n{"end":true,"count":1}\n',
    ],
)
def test_an_index_that_is_not_whole_changes_nothing(
    to_disk: Downloading, server: MediaServer, route: Answering, body: bytes
) -> None:
    """No file is asked for."""
    route.body = body
    with pytest.raises(Permanent):
        to_disk("a", verify=True, index_url=route.url)
    assert server.paths() == []


def test_a_cut_index_is_asked_for_again(to_disk: Downloading, server: MediaServer, route: Answering) -> None:
    """Then it is an error."""
    there = {str(number): server.put(str(number), b"it") for number in range(100)}
    route.body = index(there)
    with FaultProxy(route.port, Cut(after=5000)) as proxy:
        with pytest.raises(Transient):
            to_disk("1", verify=True, index_url=proxy.url, tries=2)
        assert len(proxy.requests) == 2
        proxy.fault = Cut(after=None, times=1)
        assert to_disk("1", verify=True, index_url=proxy.url, tries=2).downloaded == 1


def test_a_site_without_an_index_is_an_error(to_disk: Downloading, route: Answering) -> None:
    """An original server has none."""
    route.status = 404
    with pytest.raises(SourceError, match="404"):
        to_disk("a", verify=True, index_url=route.url)


def kept(name: str, content: bytes) -> str:
    assert default_storage.save(name, ContentFile(content)) == name
    return name


@pytest.mark.django_db
def test_what_is_served_is_what_is_read(
    to_disk: Downloading, server: MediaServer, route: Answering, settings: Any
) -> None:
    """From the objects of one site to the files of the other."""
    contents = {f"photos/{number}.bin": os.urandom(1000) for number in range(20)}
    for name, content in contents.items():
        server.put(name, content)
        Person.objects.create(
            name="x", photo=kept(name, content), cv=None if name.endswith("1.bin") else name
        )
    route.body = b"".join(file_index([Person.objects.all()]))
    report = to_disk(*contents, verify=True, index_url=route.url)
    assert (report.downloaded, report.warnings) == (20, [])
    assert to_disk(*contents, verify=True, index_url=route.url).present == 20


@pytest.mark.django_db
def test_the_index_has_each_file_that_is_there_once() -> None:
    """Not those that are missing, nor names that nobody would take."""
    names = [kept("a.txt", b"it"), "gone.txt", "../secret.txt", "", "/etc/passwd"]
    for name in names:
        Person.objects.create(name="x", photo=name, cv="a.txt")
    assert b"".join(file_index([Person.objects.all(), Person.objects.order_by("-pk")[:2]])) == (
        line("a.txt", b"it") + b'{"end":true,"count":1,"cursor":null}\n'
    )


@pytest.mark.django_db
def test_objects_in_memory_are_taken_as_they_are() -> None:
    """As a route serves them; evaluated querysets, too."""
    kept("a.txt", b"it")
    Person.objects.create(name="x", photo="gone.txt")
    people = Person.objects.all()
    people[0]  # not evaluated by this
    for person in people:
        person.photo.name = "a.txt"
    expected = line("a.txt", b"it") + b'{"end":true,"count":1,"cursor":null}\n'
    assert b"".join(file_index([people])) == expected
    assert b"".join(file_index([list(people)])) == expected


@pytest.mark.django_db
def test_hidden_fields_have_no_files() -> None:
    """What a route leaves out or masks is not told by the index."""
    Person.objects.create(name="x", photo=kept("a.txt", b"it"), cv=kept("b.txt", b"cv"))
    served = b"".join(file_index([Person.objects.all()], lambda field: field.name == "cv"))
    assert b"a.txt" in served
    assert b"b.txt" not in served


def test_hashes_are_remembered_while_size_and_time_are_the_same(disk: FileSystemStorage) -> None:
    """A file that has just changed may do so again within the same moment: it is read each time."""
    hashes = Hashes(most=2)
    ref = FileRef(model="blog.person", pk="1", field="photo", name=disk.save("a", ContentFile(b"old")))
    old = hashlib.sha256(b"old").hexdigest()
    now = time.time() + 1000  # to come: however slow this is, it is not long ago
    os.utime(disk.path("a"), (now, now))
    assert hashes.of(ref, disk, 3) == old
    Path(disk.path("a")).write_bytes(b"new")
    os.utime(disk.path("a"), (now, now))
    new = hashlib.sha256(b"new").hexdigest()
    assert hashes.of(ref, disk, 3) == new
    os.utime(disk.path("a"), (1e9, 1e9))
    assert hashes.of(ref, disk, 3) == new
    Path(disk.path("a")).write_bytes(b"odd")
    os.utime(disk.path("a"), (1e9, 1e9))
    assert hashes.of(ref, disk, 3) == new  # nothing tells them apart
    os.utime(disk.path("a"), (1.1e9, 1.1e9))
    assert hashes.of(ref, disk, 3) == hashlib.sha256(b"odd").hexdigest()
