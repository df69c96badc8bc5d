"""How fast a pull is, from one Django to another over HTTP: `python -m tests.bench.pull`.

Each contestant has a server process, a client process, and a database of its own; all servers of one
size read the same database. Bytes are those of bodies; after each pull the tables of both sides must
be equal.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.setting_up import set_up

if TYPE_CHECKING:
    from tests.bench.pull_contest import Pulled
    from tests.bench.pull_contestants import Puller

SLOW_OBJECTS = 5_000
MEMORY_OBJECTS = "100000,1000000"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Take the command line apart."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.pull", description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000, help="products; others come in addition")
    parser.add_argument("--slow-objects", type=int, default=SLOW_OBJECTS, help="products for the slow ones")
    parser.add_argument("--databases", default=None, help="of sqlite,postgresql,mariadb; default: all")
    parser.add_argument("--peers", default=None, help="only these contestants, with ; between; default: all")
    parser.add_argument("--repetitions", type=int, default=0, help="instead of each contestant's own number")
    parser.add_argument("--memory", action="store_true", help="measure memory only, of ours")
    parser.add_argument("--memory-objects", default=MEMORY_OBJECTS, help="how many products for --memory")
    parser.add_argument("--json", type=Path, help="write what was measured to a file, too")
    options = parser.parse_args(arguments)
    options.slow_objects = min(options.slow_objects, options.objects)
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measure, print; 1 if any result was wrong."""
    options = parse(arguments)
    kinds = set_up(options.databases, "sqlite" if options.memory else None)
    with tempfile.TemporaryDirectory(prefix="modelsync-bench-") as folder:
        work = memory if options.memory else rates
        results = work(kinds, options, Path(folder))
    if options.json:
        said = {kind: [asdict(each) for each in found] for kind, found in results.items()}
        options.json.write_text(json.dumps(said, indent=1) + "\n")
    wrong = [(kind, each) for kind, found in results.items() for each in found if each.error]
    for kind, each in wrong:
        print(f"\n{kind}, {each.contestant}: {each.error}", file=sys.stderr)
    return 1 if wrong else 0


def memory(kinds: list[str], options: argparse.Namespace, folder: Path) -> dict[str, list[Pulled]]:
    """Measure the peaks of ours, with fresh processes for each size."""
    from tests.bench.pull_contest import contest
    from tests.bench.pull_contestants import ALL
    from tests.bench.pull_tables import memory_verdict

    ours = [replace(ALL["ours"], repetitions=1)]
    results: dict[str, list[Pulled]] = {}
    for kind in kinds:
        results[kind] = [
            pulled
            for size in map(int, options.memory_objects.split(","))
            for pulled in contest(kind, ours, folder, products=size, slow_products=size)
        ]
        good = [each for each in results[kind] if not each.error]
        if good:
            print("\n".join(memory_verdict(kind, good)), flush=True)
    return results


def rates(kinds: list[str], options: argparse.Namespace, folder: Path) -> dict[str, list[Pulled]]:
    """Measure the rates."""
    from tests import databases
    from tests.bench.pull_contest import contest
    from tests.bench.pull_tables import table, targets

    results = {}
    print(
        f"{options.objects:,} products, with suppliers and tags; {options.slow_objects:,} for the slow ones; "
        "rates are compared"
    )
    for kind in kinds:
        found = results[kind] = contest(
            kind,
            chosen(kind, options.peers, options.repetitions),
            folder,
            products=options.objects,
            slow_products=options.slow_objects,
        )
        print("\n" + "\n".join(table(kind, databases.version(kind), found)), flush=True)
    print("\n" + "\n".join(targets(results)))
    return results


def chosen(kind: str, names: str | None, repetitions: int) -> list[Puller]:
    """The contestants with these names that this database has; None means all."""
    from tests.bench.pull_contestants import ALL

    wanted = [name.strip() for name in names.split(";")] if names else list(ALL)
    if unknown := [name for name in wanted if name not in ALL]:
        raise SystemExit(f"nobody is called {unknown[0]!r}; there are {'; '.join(ALL)}")
    found = [each for each in ALL.values() if each.name in wanted and kind in each.databases]
    return [replace(each, repetitions=repetitions) for each in found] if repetitions else found


if __name__ == "__main__":
    sys.exit(main())
