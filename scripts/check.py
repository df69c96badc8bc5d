"""Run every check, also after one has failed, and say at the end which did: `make check`.

The tests run on SQLite, unless `make test` has just run the same there.
"""

import subprocess
import sys
import time
from pathlib import Path

from tests import tested

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "layers": ["lint-imports"],
    "tests": ["pytest", "-q", "-n", "2", "--dist", "worksteal"],
    "docs": ["sphinx-build", "-W", "--keep-going", "-q", "docs", "docs/_build/html"],
}


def main() -> int:
    """Give the exit code: the number of checks that failed."""
    verdicts = {}
    for name, (program, *arguments) in CHECKS.items():
        if name == "tests" and tested.is_tested():
            verdicts[name] = "ok (by `make test`)"
            continue
        print(f"\n=== {name}: {program} {' '.join(arguments)}", flush=True)
        started = time.monotonic()
        code = subprocess.run([BIN / program, *arguments], cwd=ROOT, check=False).returncode
        seconds = time.monotonic() - started
        verdicts[name] = f"{'ok' if code == 0 else f'FAILED (exit code {code})'} ({seconds:.0f} s)"
    print()
    for name, verdict in verdicts.items():
        print(f"{name}: {verdict}")
    return sum("FAILED" in verdict for verdict in verdicts.values())


if __name__ == "__main__":
    sys.exit(main())
