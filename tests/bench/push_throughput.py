"""Objects per second: from what was captured to jobs, and from jobs to receivers; ours, the original's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

from tests.bench import push_data
from tests.bench.push_processes import Asked, Served, original, receiver, sender_database, site, worker
from tests.bench.push_sizes import Sizes
from tests.bench.state import WrongResultError

#: Name, protocol, and to which path of which receiver.
WAYS = {
    "batched": (2, "light", "/2/"),
    "single": (1, "light", "/1/"),
    "batched to a site": (2, "site", "/push/receive/"),
    "single to a site": (1, "site", "/push/receive/"),
}


PER_CPU = ", per second of processor"
#: Objects by second, and by second of processor.
Rates: TypeAlias = tuple[float, float]


def throughput(kind: str, folder: Path, sizes: Sizes) -> dict[str, float]:
    """Objects per second of each way, the best of the repetitions, which take turns.

    Also by second of the sender's processor (`PER_CPU` after the name), which others that use this machine
    change less.
    """
    with ExitStack() as stack:
        bench = _Bench(kind, folder, sizes, stack)
        found = bench.sequencing()
        runs: dict[str, Callable[[], Rates]] = {
            name: lambda name=name: bench.drained(name)  # type: ignore[misc]
            for name in WAYS
        }
        runs["original"] = bench.original()
        for _ in range(sizes.repetitions):
            for name, run in runs.items():
                for key, rate in zip((name, name + PER_CPU), run(), strict=True):
                    found[key] = max(found.get(key, 0.0), rate)
        return found


class _Bench:
    def __init__(self, kind: str, folder: Path, sizes: Sizes, stack: ExitStack) -> None:
        self.kind, self.folder, self.sizes, self.stack = kind, folder, sizes, stack
        database = stack.enter_context(sender_database(folder, kind))
        self.alias = database.alias
        branch = stack.enter_context(sender_database(folder, kind))
        self.receivers: dict[str, Served] = {
            "light": stack.enter_context(receiver()),
            "site": stack.enter_context(site(branch)),
        }
        self.worker: Asked = stack.enter_context(worker(database))
        self.numbers: dict[str, int] = {}
        self._add("batched")
        self.keys = push_data.fill(self.alias, sizes.batched, list(self.numbers.values()))

    def _add(self, name: str) -> None:
        protocol, which, path = WAYS[name]
        url = self.receivers[which].address + path
        self.numbers[name] = push_data.application(self.alias, name, url, protocol=protocol)

    def sequencing(self) -> dict[str, float]:
        """From what was captured to jobs, with 1 application and with all: new objects, then changed ones."""
        found = {}
        for name in (None, *list(WAYS)[1:]):
            if name:
                self._add(name)
            many = len(self.numbers)
            if many in (1, 3):
                push_data.forget(self.alias)
                for state in ("new", "changed"):
                    said = f"{state} for {many}"
                    push_data.capture(self.alias, self.keys, said)
                    push_data.settle(self.alias)
                    answer = self.worker.ask("sequence")
                    if answer["durations"] != {"entries": len(self.keys)}:
                        raise WrongResultError(f"{answer['durations']} of {len(self.keys)} were sequenced")
                    found[f"sequenced, {said}"] = len(self.keys) / answer["seconds"]
                    found[f"sequenced, {said}{PER_CPU}"] = len(self.keys) / answer["cpu"]
        push_data.capture(self.alias, self.keys, "for all")
        self.worker.ask("sequence")
        return found

    def drained(self, name: str) -> Rates:
        """One drain of one application."""
        _, which, path = WAYS[name]
        objects, number = getattr(self.sizes, name.replace(" ", "_")), self.numbers[name]
        push_data.make_ready(self.alias)
        push_data.make_due(self.alias, [number], self.keys[:objects])
        answer = self.worker.ask("drain", application=number, objects=objects)
        if which == "light":
            told = self.receivers[which].told(path)
            push_data.check_delivered(self.alias, number, objects, told)
        else:
            here = int(self.receivers[which].read("/count/"))
            if here < objects:
                raise WrongResultError(f"the site has {here} objects of {objects}")
        return objects / float(answer["seconds"]), objects / float(answer["cpu"])

    def original(self) -> Callable[[], Rates]:
        """The original's `push_changes`."""
        objects, path = self.sizes.original, "/1/original/"
        database = self.stack.enter_context(sender_database(self.folder, self.kind))
        process = self.stack.enter_context(original(database))
        process.ask("fill", url=self.receivers["light"].address + path, objects=objects)

        def run() -> Rates:
            answer: dict[str, Any] = process.ask("push", objects=objects)
            came = self.receivers["light"].told(path)
            if (len(came["objects"]), came["many"]) != (objects, objects):
                raise WrongResultError(f"{came['many']} came of the original's {objects}")
            return objects / float(answer["seconds"]), objects / float(answer["cpu"])

        return run
