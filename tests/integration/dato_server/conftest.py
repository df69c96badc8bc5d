"""A server for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.dato_server.asking import Client, asking


@pytest.fixture
def client() -> Iterator[Client]:
    """Asks a server with an empty site."""
    with asking() as made:
        yield made
