"""What the pull benchmark prints: a table per database, and how the targets were met."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.bench.pull_contest import PHASES, Pulled
from tests.bench.tables import EQUAL, verdict

#: Ours by the original's way.
TIMES = {"first": 25.0, "unchanged": 25.0}
#: Ours by the limit.
OF_LIMIT = {"unchanged": 0.50}
MOST_MEMORY = 120  # MB, of each process
_ORIGINALS = ("original", "original, atomic")


def table(kind: str, version: str | None, results: list[Pulled]) -> Iterator[str]:
    """The lines of one table."""
    by_name = {result.contestant: result for result in results if not result.error}
    peers = [name for name in ("limit", "original", "original, atomic") if name in by_name]
    yield f"{kind} {version}; objects/s"
    yield (
        f"  {'contestant':<18}{'objects':>10}{''.join(f'{p:>11}' for p in PHASES)}"
        f"{'client MB':>11}{'server MB':>11}{'wire MB':>9}{'B/object':>10}"
    )
    for result in results:
        line = f"  {result.contestant:<18}{result.objects:>10,}"
        if result.error:
            yield f"{line}  WRONG: {result.error.strip().splitlines()[-1][:80]}"
            continue
        line += "".join(f"{result.rate(phase):>11,.0f}" for phase in PHASES)
        line += f"{result.client:>11.0f}{result.server:>11.0f}{result.sent / 1e6:>9.1f}"
        yield f"{line}{result.sent / result.objects:>10.0f}"
    if "limit" not in by_name and kind != "postgresql":
        yield "  the limit is skipped: COPY to COPY is PostgreSQL's only"
    ours = by_name.get("ours")
    for name in peers if ours else ():
        assert ours is not None
        ratios = "".join(f"{ours.rate(phase) / by_name[name].rate(phase):>11.2f}" for phase in PHASES)
        yield f"  {'ours / ' + name:<28}{ratios}"


def targets(results: Mapping[str, list[Pulled]]) -> Iterator[str]:
    """A line for each target that was measured."""
    for kind, found in results.items():
        by_name = {result.contestant: result for result in found if not result.error}
        ours = by_name.get("ours")
        if ours is None:
            continue
        wanted = [("limit", OF_LIMIT), *((name, TIMES) for name in _ORIGINALS)]
        for name, least in wanted:
            if name in by_name:
                for phase, target in least.items():
                    ratio = ours.rate(phase) / by_name[name].rate(phase)
                    yield f"{kind} ours / {name}, {phase}: {verdict(target, ratio)}"
        yield from _memory(kind, ours)


def memory_verdict(kind: str, results: list[Pulled]) -> Iterator[str]:
    """How the peaks were, by objects."""
    for result in results:
        yield from _memory(kind, result)
    for side in ("client", "server"):
        peaks = [getattr(result, side) for result in results]
        ratio = max(peaks) / min(peaks)
        said = f"{kind} {side}, highest by lowest: target at most {EQUAL:.2f}, measured {ratio:.2f}, "
        yield said + ("reached" if ratio <= EQUAL else f"missed by {(ratio / EQUAL - 1) * 100:.0f} %")


def _memory(kind: str, result: Pulled) -> Iterator[str]:
    for side, peak in (("client", result.client), ("server", result.server)):
        over = (peak / MOST_MEMORY - 1) * 100
        said = (
            f"{kind} {side}, {result.objects:,} objects: target under {MOST_MEMORY} MB, measured {peak:.0f}, "
        )
        yield said + ("reached" if over < 0 else f"missed by {over:.0f} %")
