"""The command with Click in the documentation, as a person runs it: a script, a server, real files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from tests.blog.models import Blog, Person
from tests.blog.site import TOKEN
from tests.docs.runner import blocks, commands
from tests.integration.media.files import picture
from tests.integration.pull.serving import ROOT, serving
from tests.separate import SeparateDatabase, separate_database

pytestmark = [pytest.mark.database, pytest.mark.slow]
PAGE = ROOT / "docs/how-to/move-from-synctool.md"
SITE = "https://shop.example.com/"


@dataclass(frozen=True, kw_only=True)
class Project:
    """A folder with the script of the page and the settings that it names."""

    folder: Path
    database: SeparateDatabase

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the page."""
        program, *arguments = command.split()
        assert program == "python"
        environment = os.environ | self.database.environment
        del environment["DJANGO_SETTINGS_MODULE"]  # the script says it
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def slugs(self) -> set[str]:
        """The blogs there are."""
        return set(Blog.objects.using(self.database.alias).values_list("slug", flat=True))

    def files(self) -> dict[str, bytes]:
        """The files that have been downloaded."""
        media = self.database.folder / "media"
        return {str(f.relative_to(media)): f.read_bytes() for f in media.rglob("*") if f.is_file()}


@pytest.fixture
def project(
    tmp_path: Path, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Callable[[str], Project]]:
    """Makes the project of the page, which pulls from a site that is there; it is given the token."""
    there, here, folder = (tmp_path / name for name in ("there", "here", "project"))
    for each in (there / "media/photos", here, folder / "store"):
        each.mkdir(parents=True)
    with (
        django_db_blocker.unblock(),
        separate_database(there) as theirs,
        separate_database(here) as ours,
        serving(theirs, "tests.integration.pull.urls") as port,
    ):
        for pk, slug in enumerate(("news", "other"), 1):
            Blog.objects.using(theirs.alias).create(pk=pk, slug=slug)
        Person.objects.using(theirs.alias).create(pk=1, name="Ada", photo="photos/ada.png")
        (there / "media/photos/ada.png").write_bytes(picture())
        Blog.objects.using(ours.alias).create(pk=9, slug="ours")

        def make(token: str) -> Project:
            (script,) = (block.text for block in blocks(PAGE) if block.path == "sync.py")
            assert script.count(SITE) == 2
            (folder / "sync.py").write_text(script.replace(SITE, f"http://127.0.0.1:{port}/"))
            settings = f"from tests.settings import *\nSYNCTOOL_CLIENT_TOKEN = {token!r}\n"
            (folder / "store/settings.py").write_text(settings)
            return Project(folder=folder, database=ours)

        yield make
        for database in (theirs, ours):
            connections[database.alias].close()


def of_the_page(beginning: str) -> tuple[str, str]:
    """The one command of the page that begins so, and what it prints."""
    text = PAGE.read_text()
    (found,) = (each for each in commands(text) if each[0].startswith(beginning))
    command, output = found
    return command, output.partition("```")[0]


def test_the_command_of_the_page_pulls(project: Callable[[str], Project]) -> None:
    """With `--clean` and `--images`: rows, files and output are those that the page promises."""
    shop = project(TOKEN)
    command, output = of_the_page("python sync.py blogs")
    assert {"--clean", "--images"} <= {*command.split()}
    ended = shop.run(command)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, output, "")
    assert shop.slugs() == {"news", "other"}
    assert shop.files() == {"photos/ada.png": picture()}
    again = shop.run(command)
    assert again.stdout == "0 created, 0 updated, 0 removed\n"


def test_its_options_are_handed_on(project: Callable[[str], Project]) -> None:
    """Without them nothing is deleted, and nothing downloaded."""
    shop = project(TOKEN)
    ended = shop.run("python sync.py blogs")
    assert (ended.returncode, ended.stdout) == (0, "3 created, 0 updated, 0 removed\n"), ended.stderr
    assert shop.slugs() == {"news", "other", "ours"}
    assert shop.files() == {}


def test_an_error_is_one_line(project: Callable[[str], Project]) -> None:
    """A wrong token, for example: Click shows it and ends with status 1."""
    shop = project("wrong")
    ended = shop.run("python sync.py blogs --clean --images")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("Error: http://127.0.0.1:")
    assert "it does not know the token" in line
    assert shop.slugs() == {"ours"}
