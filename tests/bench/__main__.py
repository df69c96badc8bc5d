"""The command line: `python -m tests.bench`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.bench.setting_up import set_up

CASES = ("plain", "reference")
SLOW_ROWS = 5_000
QUICK = {"rows": 10_000, "slow_rows": 1_000, "repetitions": 1}
MEMORY_ROWS = "100000,1000000"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Take the command line apart."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--slow-rows", type=int, default=SLOW_ROWS, help="rows for the slow ones")
    parser.add_argument("--databases", default=None, help="of sqlite,postgresql,mariadb; default: all")
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--peers", default=None, help="only these contestants; default: all")
    parser.add_argument("--repetitions", type=int, default=0, help="instead of each contestant's own number")
    parser.add_argument("--quick", action="store_true", help="few rows, once: does it run at all?")
    parser.add_argument("--memory", action="store_true", help="measure memory only, of ours staged")
    parser.add_argument("--memory-rows", default=MEMORY_ROWS, help="how long the files are for --memory")
    parser.add_argument("--json", type=Path, help="write what was measured to a file, too")
    options = parser.parse_args(arguments)
    if options.quick:
        for name, value in QUICK.items():
            setattr(options, name, value)
    options.slow_rows = min(options.slow_rows, options.rows)
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measure, print; 1 if any result was wrong."""
    options = parse(arguments)
    kinds = set_up(options.databases, "sqlite" if options.memory else None)
    with tempfile.TemporaryDirectory(prefix="modelsync-bench-") as folder:
        work = memory if options.memory else rates
        return work(kinds, options, Path(folder))


def memory(kinds: list[str], options: argparse.Namespace, folder: Path) -> int:
    """Measure the peaks."""
    from tests.bench.data import make_files
    from tests.bench.memory import peaks
    from tests.bench.state import WrongResultError
    from tests.bench.tables import memory_verdict

    lengths = map(int, options.memory_rows.split(","))
    sizes = [make_files(folder, rows, reference=True, changed=False) for rows in lengths]
    status = 0
    for kind in kinds:
        try:
            print("\n".join(memory_verdict(kind, peaks(kind, sizes, folder))), flush=True)
        except WrongResultError as error:
            print(f"{kind} WRONG: {error}")
            status = 1
    return status


def rates(kinds: list[str], options: argparse.Namespace, folder: Path) -> int:
    """Measure the rates."""
    from tests import databases
    from tests.bench.contest import contest
    from tests.bench.contestants import chosen
    from tests.bench.data import make_files
    from tests.bench.tables import table, targets

    contestants = chosen(options.peers, options.repetitions)
    results = {}
    print(f"{options.rows:,} rows; the slow ones get the first {options.slow_rows:,}; rates are compared")
    for kind in kinds:
        for case in options.cases.split(","):
            files = {
                each.name: make_files(
                    folder,
                    options.slow_rows if each.is_slow else options.rows,
                    reference=case == "reference",
                )
                for each in contestants
            }
            found = results[kind, case] = contest(kind, files, contestants, folder)
            print("\n" + "\n".join(table(kind, case, databases.version(kind), found)), flush=True)
    print("\n" + "\n".join(targets(results)))
    wrong = [(key, each) for key, found in results.items() for each in found if each.error]
    if options.json:
        said = {f"{kind}/{case}": [asdict(each) for each in found] for (kind, case), found in results.items()}
        options.json.write_text(json.dumps(said, indent=1) + "\n")
    for (kind, case), each in wrong:
        print(f"\n{kind}, {case}, {each.contestant}: {each.error}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
