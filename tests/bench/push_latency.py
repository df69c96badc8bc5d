"""From the commit of a save in one process to its arrival at the receiver, by a sync_worker in another."""

from __future__ import annotations

from pathlib import Path
from time import monotonic, sleep

from tests.bench import push_data
from tests.bench.push_processes import receiver, sender_database, sync_worker, worker
from tests.bench.push_sizes import Sizes
from tests.bench.state import WrongResultError

_PATH = "/2/"
#: Seconds that the last ones may take.
_PATIENCE = 30.0


def latency(kind: str, folder: Path, sizes: Sizes) -> dict[str, float]:
    """Milliseconds: half of the saves arrived within p50, all but one of a hundred within p99."""
    with sender_database(folder, kind) as database, receiver() as light, worker(database) as process:
        url = light.address + _PATH
        number = push_data.application(database.alias, "receiver", url, protocol=2)
        keys = push_data.fill(database.alias, sizes.saves, [number])
        with sync_worker(database):
            committed = process.ask("save", keys=keys)["committed"]
            arrived: dict[str, float] = {}
            end = monotonic() + _PATIENCE
            while len(arrived) < len(keys):
                for told, moment in light.told(_PATH)["objects"].items():
                    arrived.setdefault(told.partition(" ")[0], moment)
                if monotonic() > end:
                    raise WrongResultError(f"{len(arrived)} of {len(keys)} arrived")
                sleep(0.1)
    found = sorted((arrived[key] - committed[key]) * 1_000 for key in keys)
    return {"p50": at(found, 0.50), "p99": at(found, 0.99), "worst": found[-1]}


def at(found: list[float], share: float) -> float:
    """What that share of sorted numbers does not exceed."""
    return found[min(int(len(found) * share), len(found) - 1)]
