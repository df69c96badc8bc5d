"""The mirror target: it stages the whole input, and writes the difference when the input has ended.

Until then nothing of ours is locked: the transaction begins when the last record is there, so that a slow or
broken network holds up nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from django.db import DatabaseError, connections, models, transaction

from modelsync.core.errors import ConfigurationError
from modelsync.core.ports import Applied, Group, Settled
from modelsync.core.records import Batch
from modelsync.core.results import Outcome
from modelsync.formats.wire import Header
from modelsync.targets.django.mirror.admission import Admission
from modelsync.targets.django.mirror.calling import note_keys
from modelsync.targets.django.mirror.settling import Settling
from modelsync.targets.django.mirror.sheet import PK, Sheet, make_sheet
from modelsync.targets.django.mirror.staging import Stager, make_stages
from modelsync.targets.django.sql import dialect_for


@dataclass(frozen=True, kw_only=True)
class MirrorOptions:
    """How a mirror is made: see `modelsync.client.Client.sync` for the meaning of each.

    `models` are lower-case labels that alone may come, None for all but those that belong to a site.
    `header` is what the stream said before its objects, if it has said something: then values of JSON
    fields come as text.
    """

    using: str = "default"
    clean: bool = False
    allow_empty: bool = False
    reset: bool = True
    dry_run: bool = False
    models: frozenset[str] | None = None
    ignore_models: bool = False
    changes_wanted: int = 0
    header: Callable[[], Header | None] = field(default=lambda: None)


class MirrorTarget:
    """Makes tables hold what a stream says; `note(column, text)` is told once of what is left out."""

    def __init__(
        self, options: MirrorOptions, note: Callable[[str, str], None] = lambda column, text: None
    ) -> None:
        self.options = options
        self.note = note
        self.connection = connections[options.using]
        dialect = dialect_for(self.connection)
        why = dialect.why_unable() if dialect else f"{self.connection.display_name} is not supported"
        if dialect is None or why:
            raise ConfigurationError(f"pulling needs SQLite, PostgreSQL by psycopg 3 or MariaDB: {why}")
        self.dialect = dialect
        self.admission = Admission(options.models, ignore=options.ignore_models)
        self.sheets: dict[str, Sheet] = {}
        self._open: ExitStack | None = None

    # -- the port ----------------------------------------------------------------------------

    def apply(self, group: Group) -> Applied:
        """Stage the records; their outcomes are left open, but for those that are refused."""
        applied = Applied.empty(len(group))
        sheet = self._sheet(group)
        if sheet is None:
            for position in range(len(group)):
                applied.outcomes[position] = Outcome.SKIPPED
            return applied
        with transaction.atomic(using=self.options.using), self.connection.cursor() as cursor:
            Stager(sheet, self.dialect, cursor, self.options.using).load(group, applied)
        return applied

    def settle(self) -> Iterator[Settled]:
        """Compare, write, check."""
        assert self._open is not None, "settle() belongs into atomic()"
        self._announced()
        self._begin()
        with self.connection.cursor() as cursor:
            settling = Settling(list(self.sheets.values()), self.options, self.dialect, cursor)
            settling.settle()
            yield from settling.told()

    def saw(self, batch: Batch, keys: Sequence[str | None]) -> None:
        """Nothing: the stage knows what was there."""

    def finish(self) -> int:
        """Nothing is left to delete."""
        return 0

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """The transaction around the writes; it begins with `settle`."""
        try:
            with ExitStack() as stack:
                self._open = stack
                if self.connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
                    # A pooler may give each transaction a session of its own, with its temporary tables.
                    stack.enter_context(transaction.atomic(using=self.options.using))
                yield
        finally:
            self._open = None
            self._tidy_up()

    # -- stages ------------------------------------------------------------------------------

    def _sheet(self, group: Group) -> Sheet | None:
        label = group.batch.model or ""
        if label not in self.sheets:
            model = self.admission.model(label, self.note)
            if model is None:
                return None
            self.sheets[label] = self._make_sheet(label, model, group.columns, group)
        sheet = self.sheets[label]
        if group.columns != sheet.columns:
            raise ConfigurationError(
                f"the objects of {sheet.label} come now with other fields than before: "
                f"{', '.join(group.columns)}"
            )
        return sheet

    def _make_sheet(
        self, label: str, model: type[models.Model], columns: tuple[str, ...], group: Group | None = None
    ) -> Sheet:
        header = self.options.header()
        sheet = make_sheet(
            model,
            columns,
            len(self.sheets),
            self.connection,
            json_is_text=header is not None,
            note=self.note,
        )
        if group is not None:
            note_keys(sheet, group, self.options.using)
        sheet.is_implied = any(m.implied for m in (header.models if header else ()) if m.model == label)
        with transaction.atomic(using=self.options.using), self.connection.cursor() as cursor:
            make_stages(sheet, self.dialect, cursor)
        return sheet

    def _announced(self) -> None:
        """Models that the stream named and of which it brought nothing have no rows there."""
        header = self.options.header()
        for each in header.models if header else ():
            if each.model not in self.sheets:
                model = self.admission.model(each.model, self.note)
                if model is not None:
                    columns = (PK, *each.fields, *each.many)
                    self.sheets[each.model] = self._make_sheet(each.model, model, columns)

    def _begin(self) -> None:
        assert self._open is not None
        self._open.enter_context(transaction.atomic(using=self.options.using))
        if self.connection.vendor == "mysql" and self.connection.disable_constraint_checking():
            # What points forward is written before what it points to; it is checked before the commit.
            self._open.callback(self.connection.enable_constraint_checking)
        with self.connection.cursor() as cursor:
            tables = {sheet.model._meta.db_table for sheet in self.sheets.values()}
            self.dialect.begin(cursor, sorted(tables))

    def _tidy_up(self) -> None:
        with suppress(DatabaseError), self.connection.cursor() as cursor:
            self.dialect.end(cursor)
            for sheet in self.sheets.values():
                for name in (
                    sheet.stage,
                    sheet.plan,
                    sheet.doomed,
                    sheet.names,
                    *(many.stage for many in sheet.many),
                ):
                    self.dialect.drop(cursor, name)
