"""Runs the examples of a page of the documentation, in their order, in a project folder.

A fenced block is an example by its language:

* `console`: lines that begin with `$ ` are commands, what follows is what they print. A line `...`
  stands for any lines, `...` within a line for any text. Seconds and rates are not compared.
* `python`: is executed as a script in the project, with Django set up.

A comment right before a block says what else it is: `<!-- file: PATH -->` writes it to a file,
`<!-- append: PATH -->` adds it to one, `<!-- not run: WHY -->` leaves it alone. A comment
`<!-- run: COMMAND -->` is a command that readers do not see; `<!-- checkpoint: NAME -->` is a place
up to which other pages can ask for a page to be run.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>[`:]{3,})(?P<language>[^`]*)$")
_COMMENT = re.compile(r"^ *<!-- (?P<word>file|append|not run|run|checkpoint): (?P<text>.*?) -->\s*$")
_VARIES = re.compile(r"\b\d[\d,.]*(?= s[,)])|\b\d[\d,]*(?= (?:rows|objects)/s)")
_SETUP = "import os, django\nos.environ['DJANGO_SETTINGS_MODULE'] = 'store.settings'\ndjango.setup()\n"
OUTSIDE = ("pip ", "make ", "python -m venv", "source ")
_SHELL = frozenset("|<>;&*$`\"'(")


class ExampleError(AssertionError):
    """An example does not do what the page says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block or a comment that is run: its kind, its text, and its line in the page."""

    kind: str
    text: str
    line: int
    path: str = ""


@dataclass(slots=True, kw_only=True)
class Project:
    """A folder in which commands run. `zygote` runs the Python ones."""

    folder: Path
    zygote: subprocess.Popen[str]
    status: int = 0
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        bin_folder = str(Path(sys.executable).parent)
        self.environment = {
            "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(self.folder),
            "COLUMNS": "100",
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
        }
        if "PYTHONPATH" in os.environ:
            self.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]

    def run(self, command: str) -> str:
        """Run one command; what it printed, its exit status is in `status`."""
        command = re.sub(r"\s*\\\n\s*(> )?", " ", command)
        words = shlex.split(command) if not _SHELL & set(command.replace("'", "")) else []
        if words[:1] == ["python"] and words[1:2] and words[1].endswith(".py"):
            return self._python(words[1:])
        finished = subprocess.run(
            ["bash", "-c", f"(exit {self.status})\n{command}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.status = finished.returncode
        return finished.stdout

    def script(self, code: str) -> str:
        """Run Python code with Django set up; what it printed."""
        return self._python(["-c", _SETUP + code])

    def _python(self, argv: Sequence[str]) -> str:
        output = self.folder.parent / f"{self.folder.name}.output"
        output.unlink(missing_ok=True)
        wanted = {
            "argv": list(argv),
            "folder": str(self.folder),
            "environment": self.environment,
            "output": str(output),
        }
        assert self.zygote.stdin
        assert self.zygote.stdout
        self.zygote.stdin.write(json.dumps(wanted) + "\n")
        self.zygote.stdin.flush()
        self.status = int(self.zygote.stdout.readline())
        return output.read_text()


def blocks(page: Path) -> Iterator[Block]:
    """What there is to do in a page, in order."""
    lines = page.read_text().splitlines()
    said: tuple[str, str] | None = None
    number = 0
    while number < len(lines):
        line, number = lines[number], number + 1
        comment, fence = _COMMENT.match(line), _FENCE.match(line)
        if comment and comment["word"] in ("run", "checkpoint"):
            yield Block(kind=comment["word"], text=comment["text"], line=number)
        elif comment:
            said = comment["word"], comment["text"]
        elif fence:
            first = number
            while number < len(lines) and lines[number].strip() != fence["fence"]:
                number += 1
            text = textwrap.dedent("\n".join(lines[first:number])) + "\n"
            number += 1
            kind, path = said or (fence["language"].strip(), "")
            said = None
            if kind in ("file", "append", "console", "python"):
                yield Block(kind=kind, text=text, line=first, path=path)
        elif line.strip():
            said = None


def run_page(page: Path, project: Project, *, until: str | None = None) -> int:
    """Run a page's examples, all or up to a checkpoint; how many. Raises ExampleError."""
    count = 0
    for block in blocks(page):
        if block.kind == "checkpoint":
            if block.text == until:
                return count
            continue
        count += 1
        try:
            run_block(block, project)
        except ExampleError as error:
            raise ExampleError(f"{page.name}, line {block.line}: {error}") from None
    if until is not None:
        raise ExampleError(f"{page.name} has no checkpoint {until!r}")
    return count


def run_block(block: Block, project: Project) -> None:
    match block.kind:
        case "file" | "append":
            path = project.folder / block.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a" if block.kind == "append" else "w", encoding="utf-8") as file:
                file.write(block.text)
        case "python":
            output = project.script(block.text)
            if project.status:
                raise ExampleError(f"the script fails:\n{output}")
        case "run":
            output = project.run(block.text)
            if project.status:
                raise ExampleError(f"{block.text} fails:\n{output}")
        case _:
            for command, expected in commands(block.text):
                _check(command, expected, project)


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a console block as they are written, each with what it should print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = f"{command}\n{more}"
        yield command, expected


def _check(command: str, expected: str, project: Project) -> None:
    if command.startswith(OUTSIDE):
        return
    output = project.run(command)
    failed = project.status != 0 and "Error" not in expected
    if failed or not pattern(expected).fullmatch(normal(output)):
        raise ExampleError(
            f"$ {command}\n--- the page says\n{expected}\n"
            f"--- it prints (exit status {project.status})\n{output}"
        )


def normal(text: str) -> str:
    """The text without what differs from run to run."""
    lines = [line.rstrip() for line in _VARIES.sub("0", text).splitlines()]
    return "\n".join(line for line in lines if line)


def pattern(expected: str) -> re.Pattern[str]:
    escaped = re.escape(normal(expected)).replace(r"\ ", " ")
    # Whole lines first: the newline before belongs to what may be missing.
    escaped = re.sub(r"(^|\n|\\\n)\\\.\\\.\\\.(?=\n|\\\n|$)", r"\1(?:.*)", escaped)
    return re.compile(escaped.replace(r"\.\.\.", "[^\n]*"), re.DOTALL)
