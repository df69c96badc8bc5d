"""Write into pages what their commands print: `python -m tests.docs.record PAGE...`.

Output that fits already is left as it is, with its wildcards. Read the difference before you keep it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs import runner
from tests.docs.test_examples import README, TUTORIAL


def main(pages: list[str]) -> None:
    command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
    with (
        tempfile.TemporaryDirectory() as name,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as zygote,
    ):
        for number, page in enumerate(map(Path, pages)):
            folder = Path(name) / str(number) / "project"
            folder.mkdir(parents=True)
            project = runner.Project(folder=folder, zygote=zygote)
            if page.resolve() != TUTORIAL:
                until = "project" if page.resolve() == README else "ready"
                runner.run_page(TUTORIAL, project, until=until)
            _record(page, project)
            shutil.rmtree(folder)
        zygote.stdin.close()  # type: ignore[union-attr]


def _record(page: Path, project: runner.Project) -> None:
    text = page.read_text()
    for block in list(runner.blocks(page)):
        if block.kind != "console":
            if block.kind != "checkpoint":
                runner.run_block(block, project)
            continue
        recorded = ""
        for command, expected in runner.commands(block.text):
            recorded += f"$ {command}\n" + _output(command, expected, project)
        text = text.replace(f"```console\n{block.text}```", f"```console\n{recorded}```", 1)
    page.write_text(text)


def _output(command: str, expected: str, project: runner.Project) -> str:
    if command.startswith(runner.OUTSIDE):
        return expected
    output = project.run(command)
    if runner.pattern(expected).fullmatch(runner.normal(output)):
        return expected
    print(f"$ {command}\n{output}")
    if "Traceback" in output:
        raise runner.ExampleError("no page shows a traceback")
    lines = [line.rstrip() for line in output.splitlines()]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return "\n".join(lines) + "\n" if lines else ""


if __name__ == "__main__":
    main(sys.argv[1:])
