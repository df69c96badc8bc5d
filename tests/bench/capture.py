"""What capture costs: `python -m tests.bench.capture` measures it beside the same write without it.

All ways of capturing one table take turns in one process on one database; the original's process takes
turns with it. The best of each counts. What the sequencer does after the commits is a figure of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.setting_up import set_up

if TYPE_CHECKING:
    from tests.bench.push_processes import Asked

PLAIN, ATOMIC = "nobody", "nobody, in atomic()"
ORM, TRIGGER, NARROW, ORIGINAL = "Django", "triggers", "triggers, of 2 fields", "django-objectsyncer"
MODELS = {PLAIN: "Plain", ATOMIC: "Plain", ORM: "Seen", TRIGGER: "Triggered", NARROW: "Narrow"}
SINGLE, BULK = ("save", "create", "delete"), ("update", "bulk_create")
#: The most that capture may cost, in times of the write without it; a save is one in a transaction then, as
#: the captured one is.
MOST = {"save": (ATOMIC, 1.6), "update": (PLAIN, 2.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """The best of one write, in seconds an object, and the statements that it takes (for one object)."""

    way: str
    what: str
    seconds: float
    statements: int
    sequenced: float = 0.0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Take the command line apart."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.capture", description=__doc__)
    parser.add_argument("--databases", default=None, help="of sqlite,postgresql,mariadb; default: all")
    parser.add_argument("--objects", type=int, default=300, help="objects that are written one by one")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of an update()")
    parser.add_argument("--created", type=int, default=10_000, help="objects of a bulk_create()")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write what was measured to a file, too")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print; 1 if a target was missed."""
    options = parse(arguments)
    found = {}
    with tempfile.TemporaryDirectory(prefix="modelsync-bench-") as folder:
        for kind in set_up(options.databases):
            found[kind] = measure(kind, options, Path(folder))
            print("\n" + "\n".join(table(kind, found[kind])), flush=True)
    if options.json:
        said = {kind: [asdict(each) for each in figures] for kind, figures in found.items()}
        options.json.write_text(json.dumps(said, indent=1) + "\n")
    missed = [each for kind, figures in found.items() for each in missing(kind, figures)]
    print("\n" + ("\n".join(missed) or "all targets are reached"))
    return 1 if missed else 0


def measure(kind: str, options: argparse.Namespace, folder: Path) -> list[Figure]:
    """All writes in all ways."""
    ways = [PLAIN, ATOMIC, ORM, *([TRIGGER, NARROW] if kind == "postgresql" else [])]
    counts = dict.fromkeys(SINGLE, options.objects) | {"update": options.rows, "bulk_create": options.created}
    figures = []
    with ExitStack() as stack:
        processes = dict.fromkeys(ways, stack.enter_context(asked(kind, folder)))
        if find_spec("objectsyncer"):
            processes[ORIGINAL] = stack.enter_context(asked(kind, folder, is_original=True))
        else:
            print("django-objectsyncer is not installed and is left out")
        for what, count in counts.items():
            able = {
                way: each
                for way, each in processes.items()
                if way not in (ORIGINAL, ATOMIC) or what in SINGLE
            }
            figures += in_turn(able, what, count, options.repetitions)
    return figures


def in_turn(processes: dict[str, Asked], what: str, count: int, repetitions: int) -> list[Figure]:
    """One write in all ways, in turn; the best of each counts."""
    best: dict[str, dict[str, float]] = {}
    sequenced: dict[str, float] = {}

    def once(way: str, *, sequences: bool) -> dict[str, float]:
        job = {"model": MODELS.get(way, ""), "what": what, "count": count, "atomic": way == ATOMIC}
        return processes[way].ask("measure", sequences=sequences, **job)

    for _ in range(repetitions):
        for way in processes:
            told = once(way, sequences=False)
            best[way] = min(told, best.get(way, told), key=lambda each: each["seconds"])
            if way not in (PLAIN, ATOMIC, ORIGINAL) and what in SINGLE:
                seconds = once(way, sequences=True)["seconds"]
                sequenced[way] = min(seconds, sequenced.get(way, seconds))
    return [
        Figure(
            way=way,
            what=what,
            seconds=told["seconds"] / count,
            statements=int(told["statements"]),
            sequenced=max(0.0, sequenced.get(way, 0.0) - told["seconds"]) / count,
        )
        for way, told in best.items()
    ]


@contextmanager
def asked(kind: str, folder: Path, *, is_original: bool = False) -> Iterator[Asked]:
    """A process with a database of its own."""
    from tests.bench.database import ROOT, bench_database
    from tests.bench.push_processes import Asked, started

    with bench_database(folder, kind) as database:
        environment = database.environment | {"DJANGO_SETTINGS_MODULE": "tests.bench.capture_settings"}
        module = "tests.bench.capture_worker"
        if is_original:
            paths = (str(ROOT), str(Path(__file__).parent / "push_original"))
            environment |= {
                "DJANGO_SETTINGS_MODULE": "tests.bench.push_settings",
                "MODELSYNC_BENCH_PUSH": "original",
                "PYTHONPATH": os.pathsep.join(paths),
            }
            module = "tests.bench.capture_original_worker"
        with started("-m", module, environment=environment) as process:
            worker = Asked(process)
            worker.ask("prepare")
            yield worker


def table(kind: str, figures: list[Figure]) -> list[str]:
    """The figures, beside the write without capture."""
    heads = ("captured by", "us/object", "times that", "in atomic()", "statements", "sequencing")
    widths = (22, 10, 11, 12, 11, 11)
    lines = [f"{kind}: capture, and the sequencing after the commit (us/object)"]
    lines.append(f"{'':12}" + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=True)))
    for each in figures:
        plain, atomic = of(figures, PLAIN, each.what), of(figures, ATOMIC, each.what)
        assert plain
        said = (
            each.way,
            f"{each.seconds * 1e6:.1f}",
            f"{each.seconds / plain.seconds:.2f}",
            f"{each.seconds / atomic.seconds:.2f}" if atomic else "",
            f"{each.statements - plain.statements:+}" if each is not plain else f"{each.statements}",
            f"{each.sequenced * 1e6:.1f}" if each.sequenced else "",
        )
        line = "".join(f"{text:>{width}}" for text, width in zip(said, widths, strict=True))
        lines.append(f"{each.what:12}{line}".rstrip())
    return lines


def of(figures: list[Figure], way: str, what: str) -> Figure | None:
    """One of the figures."""
    return next((each for each in figures if (each.way, each.what) == (way, what)), None)


def missing(kind: str, figures: list[Figure]) -> list[str]:
    """The targets that were missed."""
    missed = []
    for each in figures:
        against, most = MOST.get(each.what, (PLAIN, float("inf")))
        plain = of(figures, against, each.what)
        assert plain
        ratio = each.seconds / plain.seconds
        if each.way in (ORM, TRIGGER, NARROW) and ratio > most:
            missed.append(
                f"{kind}: {each.what}, captured by {each.way}, takes {ratio:.2f} times as long as by "
                f"{against}; {most} is the most"
            )
    return missed


if __name__ == "__main__":
    sys.exit(main())
