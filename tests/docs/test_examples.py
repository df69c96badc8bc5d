"""The documentation's examples do what the pages say."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.runner import ExampleError, Project, blocks, run_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial" / "first-sync.md"
README = ROOT / "README.md"
# Their examples are for reading: they have no project around them.
NOT_RUN = {"write-a-source.md", "commands.md", "formats.md"}
PAGES = [
    page
    for page in [README, *sorted(DOCS.rglob("*.md"))]
    if "_build" not in page.parts and page.name not in NOT_RUN and any(blocks(page))
]


@pytest.fixture(scope="session")
def zygote() -> Iterator[subprocess.Popen[str]]:
    """The process that runs the Python commands."""
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("zygote.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


@pytest.fixture(scope="session")
def projects(tmp_path_factory: pytest.TempPathFactory, zygote: subprocess.Popen[str]) -> dict[str, Path]:
    """The tutorial's project, as far as it is at each checkpoint: the other pages begin there."""
    folder = tmp_path_factory.mktemp("projects")
    made: dict[str, Path] = {}
    for name in ("project", "ready"):
        made[name] = folder / name
        made[name].mkdir()
        run_page(TUTORIAL, Project(folder=made[name], zygote=zygote), until=name)
    return made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples(
    page: Path, tmp_path: Path, projects: dict[str, Path], zygote: subprocess.Popen[str]
) -> None:
    """Every command prints what the page says, every script passes."""
    folder = tmp_path / "project"
    if page == TUTORIAL:
        folder.mkdir()
    else:
        shutil.copytree(projects["project" if page == README else "ready"], folder)
    assert run_page(page, Project(folder=folder, zygote=zygote)) > 0


def test_a_wrong_example_is_found(tmp_path: Path, zygote: subprocess.Popen[str]) -> None:
    """The runner fails where the output is another, where a command fails, and where a script does."""
    page = tmp_path / "page.md"
    project = Project(folder=tmp_path, zygote=zygote)
    for wrong in (
        "```console\n$ echo one\ntwo\n```\n",
        "```console\n$ echo one\n```\n",
        "```console\n$ exit 3\n```\n",
        "```console\n$ printf 'a\\nb\\nc\\n'\na\n...\nd\n```\n",
    ):
        page.write_text(wrong)
        with pytest.raises(ExampleError):
            run_page(page, project)


def test_wildcards(tmp_path: Path, zygote: subprocess.Popen[str]) -> None:
    """`...` is any text in a line and any lines as a line; times are not compared."""
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ printf 'a\\nb\\nc\\nDone (3.1 s, 1,204 rows/s).\\n'\n"
        "a\n...\nc\nD... (0.1 s, 7 rows/s).\n```\n"
    )
    run_page(page, Project(folder=tmp_path, zygote=zygote))
