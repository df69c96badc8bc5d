"""Taking over what another package kept: the systems and keys of an installed django-nsync.

Systems are few and go one by one; keys go from table to table within the database, one statement
per system. Nothing of ours is overwritten, so doing it again copies nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.migrations.recorder import MigrationRecorder

from modelsync.core.errors import ConfigurationError, ConflictError
from modelsync.models import ExternalKeyMapping, ExternalSystem

SYSTEMS = "nsync_externalsystem"
KEYS = "nsync_externalkeymapping"

# The usable keys of one of nsync's systems. Spaces around a key never mattered to a person; where
# two keys of a system differ in nothing else, the one without them is taken, else the older one.
_USABLE = """
    SELECT content_type_id, object_id, external_key FROM (
        SELECT content_type_id, {object_id} AS object_id, {key} AS external_key,
            ROW_NUMBER() OVER (
                PARTITION BY content_type_id, {key} ORDER BY LENGTH(external_key), id
            ) AS place
        FROM {theirs} WHERE external_system_id = %s
    ) ranked WHERE place = 1 AND external_key <> ''
"""
_SAME = """
    ours.external_system_id = %s
    AND ours.content_type_id = usable.content_type_id
    AND ours.external_key = usable.external_key
"""
_COPY = """
    INSERT INTO {ours} (external_system_id, content_type_id, object_id, external_key)
    SELECT %s, usable.content_type_id, usable.object_id, usable.external_key
    FROM ({usable}) usable
    WHERE NOT EXISTS (SELECT 1 FROM {ours} ours WHERE {same})
"""
_MISSING = """
    SELECT COUNT(*) FROM ({usable}) usable
    WHERE NOT EXISTS (SELECT 1 FROM {ours} ours WHERE {same})
"""
_DIFFERENT = """
    SELECT COUNT(*) FROM ({usable}) usable JOIN {ours} ours ON {same}
    WHERE ours.object_id <> usable.object_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What was found and done: numbers of systems and of key mappings.

    `unusable` keys were blank, or doubles of another but for spaces around them; `different` ones
    point to another object with us already, which was left so.
    """

    systems_found: int
    systems_copied: int
    keys_found: int
    keys_copied: int
    unusable: int
    different: int
    dropped: bool


def adopt_nsync(using: str, *, dry_run: bool = False, drop: bool = False) -> Adoption:
    """Copy django-nsync's systems and keys in the database `using`; `drop` removes its tables then.

    Raises ConfigurationError when a table is missing, and ConflictError when not all keys arrived or
    something else refers to the tables that are to be dropped; nothing is done then.
    """
    connection = connections[using]
    _need_tables(connection, using)
    if drop:
        _need_unreferenced(connection)
    with transaction.atomic(using=using), connection.cursor() as cursor:
        systems, copied_systems = _copy_systems(cursor, using)
        run = _statements(connection, cursor)
        copied = usable = different = 0
        for theirs, ours in systems.items():
            copied += run(_COPY, ours, theirs, ours)
            if run(_MISSING, theirs, ours):
                raise ConflictError(f"not all keys of {SYSTEMS} {theirs} arrived; nothing was copied")
            usable += run("SELECT COUNT(*) FROM ({usable}) usable", theirs)
            different += run(_DIFFERENT, theirs, ours)
        found = run("SELECT COUNT(*) FROM {theirs}")
        if dry_run:
            transaction.set_rollback(True, using=using)
    if drop and not dry_run:
        _drop(connection)
    return Adoption(
        systems_found=len(systems),
        systems_copied=copied_systems,
        keys_found=found,
        keys_copied=copied,
        unusable=found - usable,
        different=different,
        dropped=drop and not dry_run,
    )


def _need_tables(connection: BaseDatabaseWrapper, using: str) -> None:
    present = set(connection.introspection.table_names())
    if not {SYSTEMS, KEYS} <= present:
        raise ConfigurationError(
            f"database {using!r} has no tables of django-nsync ({SYSTEMS}, {KEYS}): "
            f"they were dropped, or are in another database (--database)"
        )
    if ExternalKeyMapping._meta.db_table not in present:
        raise ConfigurationError(
            f"database {using!r} has no tables of modelsync yet; "
            f"run: manage.py migrate modelsync --database {using}"
        )


def _copy_systems(cursor: CursorWrapper, using: str) -> tuple[dict[int, int], int]:
    """Our system for each of theirs, by primary key, and how many had to be made."""
    cursor.execute(f"SELECT id, name, description FROM {SYSTEMS} ORDER BY id")
    systems, copied = {}, 0
    for theirs, name, description in cursor.fetchall():
        system, made = ExternalSystem.objects.using(using).get_or_create(
            name=name, defaults={"description": description}
        )
        if description and not system.description:
            system.description = description
            system.save(using=using, update_fields=["description"])
        systems[theirs] = system.pk
        copied += made
    return systems, copied


def _statements(connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> Callable[..., int]:
    """A function that runs one of the statements above and gives its count."""
    quote = connection.ops.quote_name
    mysql = connection.vendor == "mysql"
    names = {
        "ours": quote(ExternalKeyMapping._meta.db_table),
        "theirs": quote(KEYS),
        "same": _SAME,
        # Their tables may have any character set and collation; our keys are compared exactly.
        "key": "TRIM(CONVERT(external_key USING utf8mb4)) COLLATE utf8mb4_bin"
        if mysql
        else "TRIM(external_key)",
        "object_id": f"CAST(object_id AS {'CHAR' if mysql else 'VARCHAR'})",
    }
    names["usable"] = _USABLE.format(**names)

    def run(statement: str, *parameters: int) -> int:
        cursor.execute(statement.format(**names), parameters)
        if statement is _COPY:
            return int(cursor.rowcount)
        (count,) = cursor.fetchone() or (0,)
        return int(count)

    return run


def _need_unreferenced(connection: BaseDatabaseWrapper) -> None:
    """Looked at before anything is done: MariaDB could not undo the first of two drops."""
    look = connection.introspection
    with connection.cursor() as cursor:
        referring = [
            table
            for table in look.table_names(cursor)
            if table not in (SYSTEMS, KEYS)
            and any(found[1] in (SYSTEMS, KEYS) for found in look.get_relations(cursor, table).values())
        ]
    if referring:
        raise ConflictError(
            f"the tables of django-nsync cannot be dropped, {', '.join(referring)} refer to them; nothing was"
            f" copied. Copy without --drop, let those refer to modelsync's tables, then run this with --drop"
        )


def _drop(connection: BaseDatabaseWrapper) -> None:
    """Drop their tables, and their migrations' records, so that nothing believes them present."""
    with connection.cursor() as cursor:
        for table in (KEYS, SYSTEMS):
            cursor.execute(f"DROP TABLE {connection.ops.quote_name(table)}")
    recorder = MigrationRecorder(connection)
    if recorder.has_table():
        recorder.migration_qs.filter(app="nsync").delete()
