"""The Django target: contexts, shapes and writers of a run, its transaction, its implied deletes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connections, models, transaction

from modelsync.core.errors import ConfigurationError
from modelsync.core.guard import Guard
from modelsync.core.planning import Conflict
from modelsync.core.ports import Applied, Group, Settled
from modelsync.core.records import Batch
from modelsync.models import ExternalSystem
from modelsync.targets.django.binding import compile_shape
from modelsync.targets.django.context import Context
from modelsync.targets.django.missing import Missing
from modelsync.targets.django.objects import ObjectsWriter
from modelsync.targets.django.schema import Schema
from modelsync.targets.django.shape import Shape
from modelsync.targets.django.sql import dialect_for
from modelsync.targets.django.staged import StagedWriter, why_objects

Route = tuple[str | None, str | None]


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """How a target writes: see `modelsync.sync` for the meaning of each.

    `key_columns` need not be fields of the model: nobody is told when they are not.
    """

    using: str = "default"
    conflict: Conflict = Conflict.DELETE
    validate: str = "types"
    writer: str = "auto"
    dry_run: bool = False
    strict: bool = False
    create_systems: bool = True
    delete_missing: bool = False
    guard: Guard = field(default_factory=Guard)
    changes_wanted: int = 0
    key_columns: frozenset[str] = frozenset()


class DjangoTarget:
    """Applies groups to Django models.

    `models` are by label; `routes` are the (model label, system name) pairs that batches may have.
    `note(column, text)` is told once of each column that is ignored.
    """

    def __init__(
        self,
        routes: Mapping[Route, type[models.Model]],
        options: TargetOptions,
        note: Callable[[str, str], None] = lambda column, text: None,
    ) -> None:
        for model in routes.values():
            if isinstance(model._meta.pk, models.CompositePrimaryKey):
                raise ConfigurationError(
                    f"{model._meta.label} has a composite primary key, which cannot be synced yet"
                )
        self.options = options
        self.note = note
        self.connection = connections[options.using]
        self.dialect = dialect_for(self.connection)
        self.writers: dict[str, str] = {}
        self._compiled: dict[object, StagedWriter | ObjectsWriter] = {}
        self._noted: set[tuple[str, str]] = set()
        self.routes = routes
        self.is_inside = False
        self.numbered: set[type[models.Model]] = set()
        self.contexts: dict[Route, Context] = {}
        self.missing = Missing(options.guard)

    def _advance_sequences(self) -> None:
        """Rows may have brought primary keys of their own; a dry run's are gone again."""
        if self.dialect and self.numbered and not self.options.dry_run:
            with self.connection.cursor() as cursor:
                for model in self.numbered:
                    self.dialect.advance_sequence(cursor, model)

    def _find_systems(self) -> None:
        """Find or make the external systems, in the transaction that is open, and bind the routes."""
        manager = ExternalSystem._base_manager.using(self.options.using)
        contexts: dict[Route, Context] = {}
        for (label, name), model in self.routes.items():
            system = None
            if name:
                if self.options.create_systems:
                    system = manager.get_or_create(name=name, defaults={"description": name[:80]})[0].pk
                else:
                    system = manager.filter(name=name).values_list("pk", flat=True).first()
                if system is None:
                    raise ConfigurationError(
                        f"there is no external system {name!r}; create it, "
                        f"or allow it with --create_external_system"
                    )
            contexts[label, name] = self._context(model, system)
        if {r: c.system for r, c in contexts.items()} != {r: c.system for r, c in self.contexts.items()}:
            self.contexts = contexts
            self._compiled.clear()

    def _context(self, model: type[models.Model], system: int | None) -> Context:
        return Context(
            schema=Schema(model),
            using=self.options.using,
            system=system,
            conflict=self.options.conflict,
            quiet=self.options.dry_run,
            check=self.options.validate != "none",
            full_clean=self.options.validate == "full",
            changes_wanted=self.options.changes_wanted,
        )

    # -- the port ----------------------------------------------------------------------------

    def apply(self, group: Group) -> Applied:
        """Decide what each record of the group means and do it."""
        return self._writer(group).apply(group)

    def foresee(self, group: Group) -> None:
        """Convert what may come next, if that has been compiled."""
        writer = self._compiled.get(_key(group))
        if isinstance(writer, StagedWriter):
            writer.foresee(group)

    def settle(self) -> Iterator[Settled]:
        """Nothing: every outcome is known at once."""
        return iter(())

    def finish(self) -> int:
        """Delete what a complete input no longer has, within the guard."""
        return self.missing.delete() if self.options.delete_missing else 0

    def saw(self, batch: Batch, keys: Sequence[str | None]) -> None:
        """The keys of a batch of a complete input, before `finish`."""
        self.missing.saw(self.contexts[batch.model, batch.system], keys)

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """A transaction in which no other run writes the same tables; inside one, a savepoint."""
        if self.is_inside:
            with transaction.atomic(using=self.options.using):
                yield
            return
        self.is_inside = True
        try:
            with transaction.atomic(using=self.options.using):
                if self.dialect:
                    with self.connection.cursor() as cursor:
                        tables = {model._meta.db_table for model in self.routes.values()}
                        self.dialect.begin(cursor, sorted(tables))
                self._find_systems()
                yield
                self._advance_sequences()
        finally:
            self.is_inside = False
            if self.dialect:
                with self.connection.cursor() as cursor:
                    self.dialect.end(cursor)

    # -- shapes and writers ------------------------------------------------------------------

    def _writer(self, group: Group) -> StagedWriter | ObjectsWriter:
        key = _key(group)
        if key not in self._compiled:
            context = self.contexts[group.batch.model, group.batch.system]
            self._compiled[key] = self._compile(context, self.shape(context, group))
        return self._compiled[key]

    def shape(self, context: Context, group: Group) -> Shape:
        """The compiled shape of a group; unknown columns are noted, or refused when strict."""
        shape = compile_shape(
            context.schema,
            group.columns,
            group.match,
            self.connection,
            is_text=group.batch.is_text,
            check=context.check,
            key_columns=self.options.key_columns,
        )
        unknown = {c: text for c, text in shape.unknown if c not in self.options.key_columns}
        if unknown and self.options.strict:
            raise ConfigurationError("; ".join(f"column {c!r}: {text}" for c, text in unknown.items()))
        for name in group.match.names:
            if name in dict(shape.unknown):
                raise ConfigurationError(f"match_on names {name!r}: {dict(shape.unknown)[name]}")
        for column, text in unknown.items():
            if (context.schema.label, column) not in self._noted:
                self._noted.add((context.schema.label, column))
                self.note(column, f"{text}; the column is ignored")
        return shape

    def _compile(self, context: Context, shape: Shape) -> StagedWriter | ObjectsWriter:
        pk = context.schema.pk
        if isinstance(pk, models.AutoField) and any(column.field is pk for column in shape.values):
            self.numbered.add(context.schema.model)
        why = self._why_objects(context, shape)
        label = context.schema.label
        if why is None:
            assert self.dialect is not None
            later = context.schema.user_code if context.quiet and self.options.writer == "auto" else None
            self.writers.setdefault(
                label, f"staged (a run goes through objects: {later})" if later else "staged"
            )
            return StagedWriter(context, shape, self.dialect)
        self.writers[label] = f"objects: {why}"
        return ObjectsWriter(context, shape)

    def _why_objects(self, context: Context, shape: Shape) -> str | None:
        if self.options.writer == "objects":
            return "as asked for"
        why = why_objects(context, shape, self.dialect)
        if self.options.writer == "staged":
            if why:
                raise ConfigurationError(f"--writer staged cannot be done: {why}; use --writer auto")
            return None
        if why is None and not context.quiet:
            why = context.schema.user_code
        return why


def _key(group: Group) -> tuple[object, ...]:
    """What groups that are written in the same way have in common."""
    batch = group.batch
    return batch.model, batch.system, group.columns, group.match, batch.is_text
