"""What the demo shows its steps with: headings, commands with what they print, kept promises."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parent / "headquarters"
WIDTH = 110
FIRST_LINES, LAST_LINES = 16, 40  # shown of what a command prints


class BrokenPromiseError(Exception):
    """A step did not do what the demo says it does."""


@dataclass(slots=True)
class Stage:
    """Runs the project's commands in `folder`, and keeps how long those with rows took."""

    folder: Path
    timings: list[tuple[str, int, float]] = field(default_factory=list)

    def manage(
        self, *arguments: str, status: int = 0, rows: int = 0, title: str = "", show: bool = True
    ) -> str:
        """Run `manage.py` with the arguments, show it, check its exit status; give what it printed."""
        print(f"\n$ {shlex.join(['manage.py', *arguments])}", flush=True)
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(PROJECT / "manage.py"), *arguments],
            cwd=self.folder,
            env={**os.environ, "COLUMNS": str(WIDTH), "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        seconds = time.perf_counter() - started
        if rows:
            self.timings.append((title, rows, seconds))
        if show or done.returncode != status:
            show_lines(done.stdout)
        show_lines(done.stderr)
        print(f"  ({seconds:.1f} s)")
        promise("no traceback", "Traceback" not in done.stderr, told=False)
        check("exit status", done.returncode, status)
        return done.stdout


def heading(text: str) -> None:
    """Begin a step."""
    print(f"\n{'=' * WIDTH}\n{text}\n{'=' * WIDTH}", flush=True)


def look(text: str) -> None:
    """Say what to look at."""
    print(f"\n> {text}")


def promise(text: str, kept: bool, *, told: bool = True) -> None:
    """Show that a promise is kept; raise BrokenPromiseError where it is not."""
    if not kept:
        raise BrokenPromiseError(text)
    if told:
        print(f"  ok: {text}", flush=True)


def check(what: str, found: object, wanted: object) -> None:
    """Promise that a value is the wanted one."""
    if found != wanted:
        raise BrokenPromiseError(f"{what}: {wanted} expected, {found} found")
    print(f"  ok: {what}: {found:,}" if isinstance(found, int) else f"  ok: {what}: {found}", flush=True)


def show_lines(text: str) -> None:
    """Print the output of a command, indented; of a long one the beginning and the end."""
    lines = text.rstrip().splitlines()
    if len(lines) > FIRST_LINES + LAST_LINES:
        left_out = len(lines) - FIRST_LINES - LAST_LINES
        lines[FIRST_LINES:-LAST_LINES] = [f"... {left_out} lines more ..."]
    for line in lines:
        print(f"  {line}".rstrip())
