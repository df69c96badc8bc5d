"""A Python that has Django imported already and forks for each command: starting one takes long.

Reads one JSON object a line: `argv` (a script and its arguments, or `-c` and code), `folder`,
`environment`, `output` (a file for both streams). Answers each with its exit status.
"""

from __future__ import annotations

import json
import os
import pkgutil
import runpy
import sys
import traceback
from contextlib import suppress
from importlib import import_module
from typing import Any

_IMPORTED = (
    "django.contrib.admin",
    "django.contrib.auth.hashers",
    "django.contrib.staticfiles.finders",
    "django.core.checks",
    "django.core.management.utils",
    "django.db.backends.sqlite3.base",
    "django.db.migrations.autodetector",
    "django.db.migrations.executor",
    "django.template.defaulttags",
    "django.views.csrf",
    "msgspec",
    "rich.progress",
    "rich.table",
    "stamina",
)


def main() -> None:
    prepare()
    for line in sys.stdin:
        wanted = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(wanted)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def prepare() -> None:
    """Import what takes long. What defines models wants settings, and is left to the commands."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)
    for name in _IMPORTED:
        import_module(name)
    package = import_module("modelsync")
    for module in pkgutil.walk_packages(package.__path__, "modelsync.", onerror=lambda _: None):
        with suppress(Exception):
            import_module(module.name)


def _become(wanted: dict[str, Any]) -> None:
    """Be the command, and leave with its exit status."""
    output = os.open(wanted["output"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for stream, number in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(stream, number)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115  # lives with the process
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115  # as above
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    status = 0
    try:
        _run(wanted["argv"])
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _run(argv: list[str]) -> None:
    sys.argv = argv[1:] if argv[0] == "-c" else argv
    # As Python does it.
    sys.path.insert(0, os.getcwd() if argv[0] == "-c" else os.path.dirname(os.path.abspath(argv[0])))
    if argv[0] == "-c":
        exec(compile(argv[1], "<example>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_path(argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
