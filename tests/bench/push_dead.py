"""What a dead application costs the others: a sync_worker with two good ones, alone and with a dead one.

The rate is that of the good ones, from the first request that came to the last. What is dead either takes
connections and never answers, or refuses them.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import monotonic, sleep

from modelsync.push.models import Application
from modelsync.tracking.sequencing import sequence
from tests.bench import push_data
from tests.bench.push_processes import Served, receiver, refusing, sender_database, sync_worker
from tests.bench.push_sizes import Sizes
from tests.bench.state import WrongResultError

GOOD = ("/2/first/", "/2/second/")
_PATIENCE = 120.0


def dead(kind: str, folder: Path, sizes: Sizes) -> dict[str, float]:
    """Objects per second of the good ones: alone, beside a silent one, beside one that refuses; medians."""
    with ExitStack() as stack:
        database = stack.enter_context(sender_database(folder, kind))
        light = stack.enter_context(receiver())
        alias = database.alias
        urls = {path: light.address + path for path in GOOD}
        urls["silent"] = f"{light.address}/silent/"
        urls["refusing"] = stack.enter_context(refusing())
        numbers = {name: push_data.application(alias, name, url, protocol=2) for name, url in urls.items()}
        keys = push_data.fill(alias, sizes.beside)
        push_data.capture(alias, keys, "new")
        sequence(alias)
        good = [numbers[path] for path in GOOD]
        rates: dict[str, list[float]] = {"alone": [], "silent": [], "refusing": []}
        for _ in range(sizes.turns):
            for name, found in rates.items():
                beside = [] if name == "alone" else [numbers[name]]
                push_data.make_ready(alias)
                _take_part(alias, numbers, [*good, *beside])
                with sync_worker(database):
                    push_data.make_due(alias, [*good, *beside], keys)
                    found.append(_rate(light, len(keys)))
        return {name: median(found) for name, found in rates.items()}


def _take_part(alias: str, numbers: dict[str, int], active: list[int]) -> None:
    rows = Application.objects.using(alias)
    rows.filter(pk__in=active).update(inactive=False)
    rows.exclude(pk__in=active).update(inactive=True)


def _rate(light: Served, objects: int) -> float:
    """Wait until all have come to the good ones; how many a second did."""
    came = dict.fromkeys(GOOD, 0)
    moments: list[float] = []
    end = monotonic() + _PATIENCE
    while any(many < objects for many in came.values()):
        sleep(0.2)
        for path in GOOD:
            told = light.told(path)
            came[path] += len(told["objects"])
            if told["requests"]:
                moments += told["span"]
        if monotonic() > end:
            raise WrongResultError(f"of {objects} objects for each, {came} came")
    if any(many != objects for many in came.values()):
        raise WrongResultError(f"of {objects} objects for each, {came} came")
    return len(GOOD) * objects / (max(moments) - min(moments))
