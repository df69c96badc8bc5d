"""Who takes part in the pull benchmark, and how each pulls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.request import urlopen

from django.core.serializers import deserialize
from django.db import transaction

from tests.bench import pull_limit
from tests.bench.state import WrongResultError
from tests.blog.site import TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Puller:
    """One way to pull from an address.

    `is_slow` ones pull from a server that has fewer objects; the best of `repetitions` counts.
    """

    name: str
    run: Callable[[str], object]
    is_slow: bool = False
    repetitions: int = 1
    databases: tuple[str, ...] = ("sqlite", "postgresql", "mariadb")


def ours(address: str) -> dict[str, float]:
    """As anybody would call it; the seconds of each stage."""
    from modelsync.client import Client

    report = Client(api_token=TOKEN, api_url=f"{address}/sync/").sync("products", clean=True)
    if not report.ok:
        raise WrongResultError(f"{report.status}: {report.error}")
    return dict(report.durations)


def original(address: str) -> None:
    """As django-synctool 1.1.0 does it: every object is a transaction."""
    with urlopen(f"{address}/original/") as response:
        content = response.read()
    for found in deserialize("json", content):
        found.save()


def original_atomic(address: str) -> None:
    """The same in one transaction, which it never did."""
    with transaction.atomic():
        original(address)


ALL = {
    each.name: each
    for each in (
        Puller(name="limit", run=pull_limit.run, repetitions=3, databases=("postgresql",)),
        Puller(name="ours", run=ours, repetitions=3),
        Puller(name="original", run=original, is_slow=True, repetitions=2),
        Puller(name="original, atomic", run=original_atomic, is_slow=True, repetitions=2),
    )
}
