"""What a claim costs, and a look for what is due, with no finished jobs in the table and with many."""

from __future__ import annotations

from pathlib import Path
from statistics import quantiles

from django.db import connections
from django.db.models import QuerySet

from modelsync.push.models import JobChange
from modelsync.tracking.sequencing import sequence
from tests.bench import push_data
from tests.bench.push_processes import sender_database, worker
from tests.bench.push_sizes import Sizes

_DUE = 1_000
_LIMIT = 100

_NUMBERS = {
    "postgresql": "SELECT n FROM generate_series(1, %s) AS numbers(n)",
    "mysql": "SELECT n FROM (WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < %s)"
    " SELECT n FROM r) AS numbers",
    "sqlite": "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < %s) SELECT n FROM r",
}


def claims(kind: str, folder: Path, sizes: Sizes) -> dict[str, float]:
    """Milliseconds: of claims of 100 out of 1,000 that are due, and of looks for applications.

    They are lower quartiles: what else the machine did meanwhile counts for little.
    """
    with sender_database(folder, kind) as database, worker(database) as process:
        alias = database.alias
        number = push_data.application(alias, "receiver", "http://127.0.0.1:1/", protocol=2)
        keys = push_data.fill(alias, _DUE)
        push_data.capture(alias, keys, "new")
        sequence(alias)
        found = {}
        for finished in (0, sizes.finished):
            if finished:
                _finish(alias, number, finished)
            push_data.make_ready(alias)
            push_data.make_due(alias, [number], keys)
            answer = process.ask("claim", application=number, claims=sizes.claims, limit=_LIMIT)
            name = "many" if finished else "none"
            found[f"claim, {name}"] = quantiles(answer["claims"])[0] * 1_000
            found[f"look, {name}"] = quantiles(answer["looks"])[0] * 1_000
        return found


def _finish(alias: str, number: int, many: int) -> None:
    """Add finished jobs of other objects, which look like those that are there."""
    connection = connections[alias]
    quote = connection.ops.quote_name
    like = QuerySet(JobChange, using=alias).order_by("pk").values().first()
    assert like is not None
    said = {
        **{name: value for name, value in like.items() if name != "id"},
        "status": JobChange.STATUS.DONE,
        "next_attempt_at": None,
    }
    names = [name for name in said if name != "target_uuid"]
    columns = ", ".join(map(quote, [*names, "target_uuid"]))
    text = "CHAR" if connection.vendor == "mysql" else "TEXT"
    selected = ", ".join(["%s"] * len(names))
    fields = JobChange._meta
    values = [fields.get_field(name).get_db_prep_save(said[name], connection) for name in names]
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET SESSION max_recursive_iterations = %s", [many + 1])
        cursor.execute(
            f"INSERT INTO {quote(fields.db_table)} ({columns})"
            f" SELECT {selected}, CAST(n AS {text}) FROM ({_NUMBERS[connection.vendor]}) AS numbered",
            [*values, many],
        )
