"""The client process of the pull benchmark: jobs come as JSON lines, results go back as JSON lines."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from typing import Any

from tests.bench.worker import _peak as peak


def do(job: dict[str, Any]) -> dict[str, Any]:
    """Pull once; the seconds that it took and the process's peak so far, in MB."""
    from django.db import connection

    from tests.bench.pull_contestants import ALL

    connection.ensure_connection()
    run = ALL[job["contestant"]].run
    started, used = time.perf_counter(), time.process_time()
    durations = run(job["address"])
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    return {"seconds": seconds, "cpu": cpu, "peak": peak(), "durations": durations or {}}


def main() -> None:
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


if __name__ == "__main__":
    main()
