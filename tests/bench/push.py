"""How fast changes are pushed: `python -m tests.bench.push`.

Each measure has its own databases and processes on this machine. The receiver is as light as it can be, and
tells what came, so that a rate counts only if nothing is missing; django-objectsyncer pushes the same objects
to the same receiver in the same run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from tests.bench.push_sizes import QUICK, Sizes
from tests.bench.setting_up import set_up

MEASURES = ("throughput", "latency", "dead", "claim")
Figures: TypeAlias = dict[str, float]


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Take the command line apart."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.push", description=__doc__)
    parser.add_argument("--databases", default=None, help="of sqlite,postgresql,mariadb; default: all")
    parser.add_argument("--only", default=",".join(MEASURES), help=f"of {','.join(MEASURES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="few objects, once: does it run at all?")
    parser.add_argument("--json", type=Path, help="write what was measured to a file, too")
    options = parser.parse_args(arguments)
    if unknown := set(options.only.split(",")) - set(MEASURES):
        parser.error(f"there is no measure {unknown.pop()!r}; there are {', '.join(MEASURES)}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Measure, print; 1 if any result was wrong."""
    options = parse(arguments)
    kinds = set_up(options.databases)
    results: dict[str, dict[str, Figures]] = {}
    status = 0
    with tempfile.TemporaryDirectory(prefix="modelsync-bench-") as folder:
        for kind in kinds:
            results[kind], is_right = measured(
                kind, options.only.split(","), Path(folder), QUICK if options.quick else Sizes()
            )
            status = status if is_right else 1
    from tests.bench.push_tables import targets

    print("\n" + "\n".join(targets(results)))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return status


def measured(kind: str, wanted: list[str], folder: Path, sizes: Sizes) -> tuple[dict[str, Figures], bool]:
    """The figures of one database, by measure, and whether all of them were right."""
    from tests import databases
    from tests.bench.push_tables import lines
    from tests.bench.state import WrongResultError

    found: dict[str, Figures] = {}
    is_right = True
    print(f"\n{kind} {databases.version(kind)}", flush=True)
    for name, measure in measures().items():
        if name not in wanted:
            continue
        try:
            found[name] = measure(kind, folder, sizes)
        except WrongResultError as error:
            print(f"  {name} WRONG: {error}", file=sys.stderr)
            is_right = False
        else:
            print("\n".join(lines(name, found[name])), flush=True)
    return found, is_right


def measures() -> Mapping[str, Callable[[str, Path, Sizes], Figures]]:
    """What can be measured."""
    from tests.bench.push_claims import claims
    from tests.bench.push_dead import dead
    from tests.bench.push_latency import latency
    from tests.bench.push_throughput import throughput

    return dict(zip(MEASURES, (throughput, latency, dead, claims), strict=True))


if __name__ == "__main__":
    sys.exit(main())
