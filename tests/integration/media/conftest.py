"""A media server, a connection to it, and storages to download to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import stamina
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage

from modelsync.media import FilesReport, download
from modelsync.sources.site import Connection
from tests.integration.media.files import ref
from tests.integration.media.serving import MediaServer, media_server
from tests.proxy import FaultProxy


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    """Tries again at once."""
    with stamina.set_testing(True, attempts=9, cap=True):
        yield


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MediaServer]:
    """The other site's media."""
    with media_server(tmp_path / "there") as media:
        yield media


@pytest.fixture
def proxy(server: MediaServer) -> Iterator[FaultProxy]:
    """The proxy before it."""
    with FaultProxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def connection() -> Iterator[Connection]:
    """What is asked with."""
    with Connection(timeout=30) as connection:
        yield connection


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where files are kept in these tests, if in a folder."""
    return tmp_path / "here"


@pytest.fixture
def disk(folder: Path) -> FileSystemStorage:
    """A storage with paths."""
    return FileSystemStorage(location=folder)


@pytest.fixture(params=["disk", "memory"])
def storage(request: pytest.FixtureRequest, disk: FileSystemStorage) -> Storage:
    """Storages with and without paths."""
    return disk if request.param == "disk" else InMemoryStorage()


@dataclass
class Downloading:
    """`download` of files by their names, with what all of these tests give it."""

    connection: Connection
    media_url: str
    storage: Storage
    progress: list[Any] = field(default_factory=list)

    def __call__(self, *names: str, is_image: bool = False, **options: Any) -> FilesReport:
        files = [ref(name, pk=str(pk), is_image=is_image) for pk, name in enumerate(names, 1)]
        given = {"connection": self.connection, "media_url": self.media_url}
        given |= {"storage_of": lambda ref: self.storage, "progress": self.progress.append}
        return download(files, **(given | options))


@pytest.fixture
def downloading(server: MediaServer, connection: Connection, storage: Storage) -> Downloading:
    """Downloads to each of the storages."""
    return Downloading(connection, server.url, storage)


@pytest.fixture
def to_disk(server: MediaServer, connection: Connection, disk: FileSystemStorage) -> Downloading:
    """Downloads to a folder."""
    return Downloading(connection, server.url, disk)


@pytest.fixture
def through(proxy: FaultProxy, connection: Connection, disk: FileSystemStorage) -> Callable[..., FilesReport]:
    """Downloads to a folder through the proxy."""
    return Downloading(connection, f"{proxy.url}/media/", disk)
