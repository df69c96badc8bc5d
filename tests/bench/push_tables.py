"""What the push benchmark prints: figures per database, and how the targets were met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.bench.push_throughput import PER_CPU, WAYS

#: Objects per second on PostgreSQL, by one worker.
RATES = {"batched": 4_000, "single": 500}
MOST_P99 = 250  # ms
MOST_COST = 5.0  # percent
#: Claims are called equal within this.
MOST_GROWTH = 1.25

Results = Mapping[str, Mapping[str, Mapping[str, float]]]


def lines(name: str, found: Mapping[str, float]) -> Iterator[str]:
    """The lines of one measure on one database."""
    match name:
        case "throughput":
            yield from _throughput(found)
        case "latency":
            said = ", ".join(f"{each} {value:,.0f} ms" for each, value in found.items())
            yield f"  commit to arrival: {said}"
        case "dead":
            yield f"  two applications alone: {found['alone']:,.0f} objects/s"
            for each, cost in costs(found).items():
                yield f"  {f'beside one that is {each}:':<32}{found[each]:,.0f} objects/s, {cost:+.1f} %"
        case _:
            for each in ("claim", "look"):
                none, many = found[f"{each}, none"], found[f"{each}, many"]
                yield (
                    f"  {each}: {none:.2f} ms without finished jobs, {many:.2f} ms with them, "
                    f"ratio {many / none:.2f}"
                )


def _throughput(found: Mapping[str, float]) -> Iterator[str]:
    yield f"  {'objects':<28}{'/ s':>8}{'/ CPU s':>10}{'/ original':>12}"
    for name, rate in found.items():
        if not name.endswith(PER_CPU):
            line = f"  {name:<28}{rate:>8,.0f}{found[name + PER_CPU]:>10,.0f}"
            yield f"{line}{rate / found['original']:>12.1f}" if name in WAYS else line


def costs(found: Mapping[str, float]) -> dict[str, float]:
    """By how many percent the good ones were slower beside a dead one."""
    return {each: (1 - found[each] / found["alone"]) * 100 for each in ("silent", "refusing")}


def targets(results: Results) -> Iterator[str]:
    """A line for each target that was measured."""
    for kind, found in results.items():
        if kind == "postgresql" and "throughput" in found:
            for name, least in RATES.items():
                rate = found["throughput"][name]
                yield _said(f"{kind} {name}, objects/s", least, rate, rate >= least)
        if "latency" in found:
            p99 = found["latency"]["p99"]
            yield _said(f"{kind} commit to arrival, p99, ms", MOST_P99, p99, p99 < MOST_P99)
        for each, cost in costs(found["dead"]).items() if "dead" in found else ():
            yield _said(f"{kind} cost of one that is {each}, %", MOST_COST, cost, cost < MOST_COST)
        if "claim" in found:
            growth = found["claim"]["claim, many"] / found["claim"]["claim, none"]
            yield _said(f"{kind} claim, growth", MOST_GROWTH, growth, growth <= MOST_GROWTH)


def _said(name: str, target: float, measured: float, is_reached: bool) -> str:
    verdict = "reached" if is_reached else f"missed by {abs(measured / target - 1) * 100:.0f} %"
    return f"{name}: target {target:,g}, measured {measured:,.2f}, {verdict}"
