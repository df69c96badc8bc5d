"""How much the push benchmark does."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Objects of each way, repetitions, saves, objects beside a dead application, finished jobs, claims."""

    batched: int = 5_000
    single: int = 1_000
    batched_to_a_site: int = 1_000
    single_to_a_site: int = 200
    original: int = 400
    repetitions: int = 2
    saves: int = 300
    beside: int = 10_000
    turns: int = 7
    finished: int = 1_000_000
    claims: int = 50


QUICK = Sizes(
    batched=500,
    single=100,
    batched_to_a_site=200,
    single_to_a_site=20,
    original=50,
    repetitions=1,
    saves=30,
    beside=500,
    turns=1,
    finished=10_000,
    claims=5,
)
