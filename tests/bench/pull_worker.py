"""The client process of the pull benchmark: jobs come as JSON lines, results go back as JSON lines."""

from __future__ import annotations

from typing import Any

from tests.bench.worker import main, measured


def do(job: dict[str, Any]) -> dict[str, Any]:
    """Pull once."""
    from tests.bench.pull_contestants import ALL

    run = ALL[job["contestant"]].run
    return measured(lambda: run(job["address"]))


if __name__ == "__main__":
    main(do)
