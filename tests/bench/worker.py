"""A sub-process that one contestant runs in: jobs come as JSON lines, results go back as JSON lines."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(do: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Do jobs until there are no more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what anybody prints is no answer

    import django

    django.setup()
    for line in sys.stdin:
        try:
            answer = do(json.loads(line))
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=answers)


def do(job: dict[str, Any]) -> dict[str, Any]:
    """Run a contestant once."""
    from tests.bench.contestants import ALL

    run = ALL[job["contestant"]].run
    return measured(lambda: run(Path(job["path"]), reference=job["reference"]))


def measured(run: Callable[[], Any]) -> dict[str, Any]:
    """The seconds that it takes, of them those of this processor, and the process's peak so far, in MB."""
    from django.db import connection

    connection.ensure_connection()
    started, used = time.perf_counter(), time.process_time()
    durations = run()
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    return {"seconds": seconds, "cpu": cpu, "peak": peak(), "durations": durations or {}}


def peak() -> float:
    """The most memory that this process had, in MB.

    `ru_maxrss` is inherited from the process that started this one; what Linux tells of its own is not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main(do)
