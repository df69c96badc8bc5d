"""A pull through the proxy that does harm, and a look at what has become of everything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.request import Request, urlopen

import pytest

from modelsync.client import Client
from modelsync.core.errors import ModelSyncError, SourceError
from modelsync.core.results import Report, Status
from modelsync.models import Run
from tests.blog.site import TOKEN
from tests.integration.media.serving import MediaServer
from tests.integration.pull import holding
from tests.proxy import Fault, FaultProxy
from tests.separate import SeparateDatabase

TYPES = {1: "application/json", 2: "application/x-ndjson"}
NONE = Fault()


@dataclass(frozen=True)
class Way:
    """How answers travel: the version, how they are packed, and how their end is known."""

    version: Literal[1, 2] = 2
    packing: Literal["identity", "gzip", "zstd"] = "zstd"
    framing: Literal["length", "chunks"] | None = None

    def __str__(self) -> str:
        return f"v{self.version}-{self.packing}-{self.framing or 'close'}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Accept": TYPES[self.version], "Accept-Encoding": self.packing}


@dataclass(frozen=True, kw_only=True)
class Other:
    """The other site and this database. What the other site has is never changed."""

    there: str
    here: SeparateDatabase
    port: int
    media: MediaServer


@dataclass(frozen=True, kw_only=True)
class Pulling:
    """Pulls what a path serves through the proxy, with files, and looks what has become of it.

    `before` is what was here before the first pull, `folders` are those of files and of temporary ones.
    """

    other: Other
    proxy: FaultProxy
    way: Way
    path: str
    before: dict[str, list[str]]
    folders: tuple[Path, ...]
    timeout: float

    @property
    def here(self) -> str:
        return self.other.here.alias

    @property
    def address(self) -> str:
        return f"{self.proxy.url}/sync/{self.path}/"

    @property
    def asked(self) -> int:
        """How often the other site was asked."""
        return len(self.proxy.requests)

    def body(self) -> bytes:
        """The body that the other site answers, which is the same each time."""
        address = f"http://127.0.0.1:{self.other.port}/sync/{self.path}/"
        headers = {"Authorization": f"Bearer {TOKEN}", **self.way.headers}
        with urlopen(Request(address, headers=headers), timeout=60) as response:
            return bytes(response.read())

    def fails(self, fault: Fault, error: type[SourceError], match: str) -> SourceError:
        """With this error, and nothing is left of it."""
        asked = len(self.other.media.asked)
        with holding.temporary_tables(self.here) as made, pytest.raises(SourceError, match=match) as told:
            self._pull(fault)
        assert type(told.value) is error, told.value
        assert self.address in str(told.value)
        assert "\n" not in str(told.value)
        assert holding.contents(self.here) == self.before
        assert holding.still_there(self.here, made) == set()
        assert holding.checks_references(self.here)
        assert (self.files(), len(self.other.media.asked)) == ([], asked)
        run = Run.objects.using(self.here).latest("pk")
        assert (run.status, run.error) == (Status.FAILED.value, str(told.value))
        return told.value

    def comes(self, fault: Fault = NONE) -> Report:
        """As it is on the other site, and nothing else has changed."""
        with holding.temporary_tables(self.here) as made:
            report = self._pull(fault)
        assert (report.status, report.warnings) == (Status.DONE, [])
        assert self._is_equal()
        assert holding.left_alone(holding.contents(self.here)) == holding.left_alone(self.before)
        assert made
        assert holding.still_there(self.here, made) == set()
        assert holding.checks_references(self.here)
        assert self.files() == (["media/cvs/ada.txt"] if self.path == "all" else [])
        return report

    def fails_or_comes(self, fault: Fault) -> bool:
        """Whether it fails, with whatever error of ours, and nothing is left of it."""
        try:
            self._pull(fault)
        except ModelSyncError:
            assert holding.contents(self.here) == self.before
            assert self.files() == []
            return True
        assert self._is_equal()
        return False

    def files(self) -> list[str]:
        """Files that are kept, and temporary ones."""
        found = ((folder.parent, file) for folder in self.folders for file in folder.rglob("*"))
        return [str(file.relative_to(parent)) for parent, file in found if file.is_file()]

    def _is_equal(self) -> bool:
        return holding.pulled(self.here, self.path) == holding.pulled(self.other.there, self.path)

    def _pull(self, fault: Fault) -> Report:
        self.proxy.fault = fault
        client = Client(
            api_token=TOKEN,
            api_url=f"{self.proxy.url}/sync/",
            media_url=self.other.media.url,
            timeout=self.timeout,
        )
        return client.sync(self.path, clean=True, images=True, using=self.here)
