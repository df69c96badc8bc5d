"""Ours, both ways."""

from __future__ import annotations

from pathlib import Path

from tests.bench.state import SYSTEM, WrongResultError


def staged(path: Path, *, reference: bool) -> dict[str, float]:
    """As anybody would call it; the seconds of each stage."""
    return _sync(path, "auto", "staged")


def objects(path: Path, *, reference: bool) -> dict[str, float]:
    """Through instances and `save()`."""
    return _sync(path, "objects", "objects")


def _sync(path: Path, writer: str, expected: str) -> dict[str, float]:
    import modelsync

    # `*`: what is there already is replaced, as it is by all the others.
    report = modelsync.sync(path, "shop.Product", system=SYSTEM, match_on="sku", actions="cu*", writer=writer)
    if not report.ok:
        told = [*map(str, report.rejections[:3]), *map(str, report.warnings[:3])]
        raise WrongResultError(f"{report.status}: {report.error} {told}")
    if not all(way.startswith(expected) for way in report.writers.values()):
        raise WrongResultError(f"not the way that was to be measured: {report.writers}")
    return dict(report.durations)
