"""`--missing delete`: objects of a system that a complete input no longer has."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import ProtectedError, RestrictedError

from modelsync.core.errors import GuardError
from modelsync.core.guard import Guard
from modelsync.models import ExternalKeyMapping
from modelsync.targets.django.context import Context
from modelsync.targets.django.keys import chunks
from modelsync.targets.django.objects import quiet
from modelsync.targets.django.objects.finder import compares_exactly

SEEN = "modelsync_seen"


class Missing:
    """Collects the keys that a complete input has, then deletes what has none of them.

    An object goes when this system's mapping is the only one on it; otherwise only the mapping goes
    (docs/explanation/semantics.md, Delete).
    """

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.contexts: dict[tuple[str, int | None], Context] = {}
        self.made = False

    def saw(self, context: Context, keys: Sequence[str | None]) -> None:
        """Keys of records of the input."""
        if context.system is None:
            return
        self.contexts.setdefault((context.schema.label, context.system), context)
        quote = context.connection.ops.quote_name
        with context.connection.cursor() as cursor:
            if not self.made:
                temporary = "TEMPORARY " if context.connection.vendor == "mysql" else ""
                cursor.execute(f"DROP {temporary}TABLE IF EXISTS {quote(SEEN)}")
                collation = " COLLATE utf8mb4_bin" if context.connection.vendor == "mysql" else ""
                cursor.execute(
                    f"CREATE TEMPORARY TABLE {quote(SEEN)} (content_type_id integer, system_id bigint, "
                    f"external_key varchar(255){collation})"
                )
                self.made = True
            for chunk in chunks(sorted({key for key in keys if key}), max(1, context.chunk // 3)):
                marks = ", ".join(["(%s, %s, %s)"] * len(chunk))
                values = [v for key in chunk for v in (context.content_type, context.system, key)]
                cursor.execute(f"INSERT INTO {quote(SEEN)} VALUES {marks}", values)

    def delete(self) -> int:
        """Delete what is missing; how many objects went. Raises GuardError."""
        removed, contexts = 0, self.contexts
        self.contexts = {}
        for context in contexts.values():
            if context.connection.vendor == "postgresql":
                with context.connection.cursor() as cursor:
                    cursor.execute(f"ANALYZE {context.connection.ops.quote_name(SEEN)}")
            removed += self._delete(context)
        if self.made:
            with context.connection.cursor() as cursor:
                temporary = "TEMPORARY " if context.connection.vendor == "mysql" else ""
                cursor.execute(f"DROP {temporary}TABLE IF EXISTS {context.connection.ops.quote_name(SEEN)}")
            self.made = False
        return removed

    def _delete(self, context: Context) -> int:
        gone = self._unseen(context)
        if not gone:
            return 0
        schema, mappings = context.schema, ExternalKeyMapping._base_manager.using(context.using)
        gone_ids = {pk for pk, _ in gone}
        manager = schema.model._base_manager.using(context.using)
        ids = sorted({object_id for _, object_id in gone})
        if not compares_exactly(schema.pk, context):
            # A mapping may name its object by a text that the database calls equal.
            found = (manager.filter(pk__in=chunk) for chunk in chunks(ids, context.chunk))
            ids = sorted({str(pk) for each in found for pk in each.values_list("pk", flat=True)})
        held: set[str] = set()
        for chunk in chunks(ids, context.chunk):
            holding = mappings.filter(content_type=context.content_type, object_id__in=chunk)
            held.update(
                object_id for pk, object_id in holding.values_list("pk", "object_id") if pk not in gone_ids
            )
        doomed = [object_id for object_id in ids if object_id not in held]
        self.guard.check_missing(len(doomed), manager.count(), schema.label)
        removed = 0
        try:
            for chunk in chunks(doomed, context.chunk):
                for obj in manager.filter(pk__in=chunk):
                    if context.quiet:
                        quiet.delete(obj, context.using)
                    else:
                        obj.delete(using=context.using)
                    removed += 1
        except (ProtectedError, RestrictedError) as error:
            raise GuardError(
                f"{schema.label} objects that the input no longer has cannot be deleted: {error.args[0]}"
            ) from error
        for chunk in chunks([str(pk) for pk in sorted(gone_ids)], context.chunk):
            mappings.filter(pk__in=chunk).delete()
        return removed

    def _unseen(self, context: Context) -> list[tuple[int, str]]:
        quote = context.connection.ops.quote_name
        table = quote(ExternalKeyMapping._meta.db_table)
        with context.connection.cursor() as cursor:
            cursor.execute(
                f"SELECT k.id, k.object_id FROM {table} k "
                f"WHERE k.external_system_id = %s AND k.content_type_id = %s "
                f"AND NOT EXISTS (SELECT 1 FROM {quote(SEEN)} s "
                f"WHERE s.system_id = %s AND s.content_type_id = %s AND s.external_key = k.external_key)",
                [context.system, context.content_type, context.system, context.content_type],
            )
            return [(int(pk), str(object_id)) for pk, object_id in cursor.fetchall()]
