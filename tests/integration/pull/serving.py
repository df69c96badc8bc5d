"""The other site, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.separate import SeparateDatabase

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def serving(database: SeparateDatabase, urls: str = "tests.blog.urls") -> Iterator[int]:
    """A site that serves what is in the database; the port that it listens on."""
    process = subprocess.Popen(
        [sys.executable, "-c", f"from tests.blog.site import main; main({urls!r})"],
        cwd=ROOT,
        env=database.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()
