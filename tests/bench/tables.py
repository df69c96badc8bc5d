"""What is printed: a table per database and case, and how the targets were met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.bench.contest import PHASES, Result

# Ours staged by the limit, with one reference.
TARGETS = {
    "postgresql": {"new": 0.80, "unchanged": 0.50, "changed": 0.60},
    "sqlite": {"new": 0.55, "unchanged": 0.55, "changed": 0.55},
    "mariadb": {"new": 0.35, "unchanged": 0.50, "changed": 0.40},
}
MOST_MEMORY = 150  # MB
# The peaks of runs of different lengths are called equal within this.
EQUAL = 1.10

Results = Mapping[tuple[str, str], list[Result]]


def table(kind: str, case: str, version: str | None, results: list[Result]) -> Iterator[str]:
    """The lines of one table."""
    by_name = {result.contestant: result for result in results}
    limit = by_name.get("limit")
    yield f"{kind} {version}, {case}"
    yield (
        f"  {'contestant':<18}{'rows':>9}"
        + "".join(f"{p:>12}" for p in PHASES)
        + f"{'peak MB':>10}"
        + ("   " + "".join(f"{p:>11}" for p in PHASES) if limit else "")
    )
    yield f"  {'':<18}{'':>9}{'rows/s':>12}{'rows/s':>12}{'rows/s':>12}{'':>10}" + (
        "   " + f"{'/ limit':>11}" * 3 if limit else ""
    )
    for result in results:
        line = f"  {result.contestant:<18}{result.rows:>9,}"
        if result.error:
            yield f"{line}  WRONG: {result.error.strip().splitlines()[-1][:80]}"
            continue
        line += "".join(f"{result.rate(phase):>12,.0f}" for phase in PHASES) + f"{result.peak:>10.0f}"
        if limit and not limit.error:
            line += "   " + "".join(f"{result.rate(p) / limit.rate(p):>11.3f}" for p in PHASES)
        yield line


def targets(results: Results) -> Iterator[str]:
    """A line for each target that was measured."""
    for (kind, case), found in results.items():
        by_name = {result.contestant: result for result in found if not result.error}
        limit, staged = by_name.get("limit"), by_name.get("staged")
        if case == "reference" and limit and staged:
            for phase, target in TARGETS[kind].items():
                ratio = staged.rate(phase) / limit.rate(phase)
                yield f"{kind} staged / limit, {phase}: {verdict(target, ratio)}"
        objects, single = by_name.get("objects"), by_name.get("update_or_create")
        if objects and single:
            for phase in PHASES:
                ratio = objects.rate(phase) / single.rate(phase)
                yield f"{kind} objects / update_or_create, {case}, {phase}: {verdict(1.0, ratio)}"


def verdict(target: float, measured: float) -> str:
    """Whether a target was reached, and by how much it was missed."""
    said = f"target {target:.2f}, measured {measured:.2f}, "
    return said + ("reached" if measured >= target else f"missed by {(1 - measured / target) * 100:.0f} %")


def memory_verdict(kind: str, peaks: Mapping[int, float]) -> Iterator[str]:
    """How the peaks of ours staged were, by rows."""
    yield f"{kind} staged: " + ", ".join(f"{rows:,} rows {peak:.0f} MB" for rows, peak in peaks.items())
    highest, lowest = max(peaks.values()), min(peaks.values())
    said = f"under {MOST_MEMORY} MB, measured {highest:.0f}, "
    over = (highest / MOST_MEMORY - 1) * 100
    yield f"{kind} memory: target {said}" + ("reached" if over < 0 else f"missed by {over:.0f} %")
    ratio = highest / lowest
    said = f"{kind} memory, longest by shortest: target at most {EQUAL:.2f}, measured {ratio:.2f}, "
    yield said + ("reached" if ratio <= EQUAL else f"missed by {(ratio / EQUAL - 1) * 100:.0f} %")
