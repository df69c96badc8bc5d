from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.branch.pushing import settings_with
from tests.separate import SeparateDatabase


@pytest.fixture(autouse=True)
def _branch(settings: Any) -> None:
    """The site receives."""
    settings.ROOT_URLCONF = "tests.branch.urls"
    settings.MODELSYNC = settings_with()


@dataclass(frozen=True)
class Site:
    """A receiving site that is a process of its own: its address, and the alias of its database here."""

    address: str
    alias: str


@pytest.fixture
def site(separate_database: SeparateDatabase) -> Iterator[Site]:
    """Serve one."""
    environment = os.environ | separate_database.environment | {"DJANGO_SETTINGS_MODULE": "tests.branch.site"}
    command = [sys.executable, "-m", "tests.branch.serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            port = int(process.stdout.readline())
            yield Site(address=f"http://127.0.0.1:{port}/push/receive/", alias=separate_database.alias)
        finally:
            process.terminate()
