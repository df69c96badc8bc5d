"""A DatoCMS, and our client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from modelsync.dato.datocms.access import Access
from modelsync.dato.datocms.client import DatoClient
from tests.dato_server import Server, serving
from tests.dato_server.demo import demo_site


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Between tries nobody waits, but for as long as a server asks."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def cms() -> Iterator[Server]:
    """A small site."""
    with serving(demo_site()) as server:
        yield server


@pytest.fixture
def client(cms: Server) -> Iterator[DatoClient]:
    """A client with the right token."""
    with DatoClient(Access(token="demo-token", url=cms.url, timeout=1.0)) as made:  # the demo's
        yield made
