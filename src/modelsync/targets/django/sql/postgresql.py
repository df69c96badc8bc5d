"""PostgreSQL: COPY into an analysed temporary table, IS DISTINCT FROM, sequences drawn while planning."""

from __future__ import annotations

import datetime as dt
import json
import selectors
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from django.db import models
from django.db.models.expressions import Value

from modelsync.targets.django.schema import Field, base_field, column_of
from modelsync.targets.django.sql.base import TEXTS, Dialect, StageColumn

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_DRAWN = 1_000_000  # keys
_PIECE = 2000  # rows: more of them would not stay in the processor's cache
#: How big tables are, and how big they were when they were last analysed (bytes; 0 if never).
_SIZES = """
    SELECT pg_relation_size(c.oid),
        CASE WHEN COALESCE(pg_stat_get_last_analyze_time(c.oid), pg_stat_get_last_autoanalyze_time(c.oid))
            IS NULL THEN 0 ELSE c.relpages * current_setting('block_size')::bigint END
    FROM unnest(%s::text[]) WITH ORDINALITY AS t(name, n) JOIN pg_class c ON c.oid = t.name::regclass
    ORDER BY t.n
"""
_LOCKS = 0x6D73  # "ms": the class of our advisory locks


class PostgreSQL(Dialect):
    """PostgreSQL 14 and newer, by psycopg 3."""

    ids_before = True

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        #: Tables -> how big they were (bytes) when they were last analysed here.
        self.analysed: dict[str, int] = {}

    def begin(self, cursor: Any, tables: Sequence[str]) -> None:
        # JIT costs more than it gives on statements that run once; the merge wants hash joins in memory.
        cursor.execute("SET LOCAL jit = off")
        cursor.execute("SET LOCAL work_mem = '64MB'")
        # A batch is small beside the table: probing its indexes is cheaper than hashing all of it.
        cursor.execute("SET LOCAL random_page_cost = 1.1")
        # The stage is analysed for every batch: a small sample says enough of values that hardly repeat.
        cursor.execute("SET LOCAL default_statistics_target = 10")
        for table in sorted(tables):
            # One run at a time per table: two would deadlock, or both create the same object.
            number = zlib.crc32(table.encode()) - 2**31
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCKS, number])

    def create_stage(
        self, cursor: Any, name: str, columns: Sequence[StageColumn], indexed: Sequence[str] = ()
    ) -> None:
        self.drop(cursor, name)
        selected: list[str] = []
        tables: dict[str, str] = {}
        for column in columns:
            if column.field is None:
                selected.append(f"NULL::{column.type} AS {self.quote(column.name)}")
                continue
            table = column.field.model._meta.db_table
            alias = tables.setdefault(table, f"t{len(tables)}")
            selected.append(f"{alias}.{self.quote(column_of(column.field))} AS {self.quote(column.name)}")
        source = ", ".join(f"{self.quote(table)} AS {alias}" for table, alias in tables.items())
        cursor.execute(
            f"CREATE TEMPORARY TABLE {self.quote(name)} AS SELECT {', '.join(selected)}"
            f"{' FROM ' + source if source else ''} WITH NO DATA"
        )
        defaults = [
            f"ALTER COLUMN {self.quote(column.name)} SET DEFAULT {column.default}"
            for column in columns
            if column.default
        ]
        if defaults:
            cursor.execute(f"ALTER TABLE {self.quote(name)} {', '.join(defaults)}")

    def load(self, cursor: Any, name: str, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
        self.load_while(cursor, name, columns, values, lambda: None)

    def load_while(
        self,
        cursor: Any,
        name: str,
        columns: Sequence[str],
        values: Sequence[Sequence[Any]],
        meanwhile: Callable[[], None],
    ) -> None:
        names = ", ".join(self.quote(column) for column in columns)
        statement = f"COPY {self.quote(name)} ({names}) FROM STDIN"
        # Django does not wrap what the driver raises on leaving the block.
        with self.connection.wrap_database_errors, cursor.copy(statement) as copy:
            # In pieces, so that the server takes in one while the next is made.
            for start in range(0, len(values[0]), _PIECE):
                piece = [column[start : start + _PIECE] for column in values]
                copy.write(_copy_text(piece))
            meanwhile()

    def analyze(self, cursor: Any, name: str, columns: Sequence[str]) -> None:
        names = list(map(self.quote, columns))
        # A sample of 3,000 rows is enough to tell keys from flags.
        sampled = ", ".join(f"ALTER COLUMN {each} SET STATISTICS 10" for each in names)
        cursor.execute(f"ALTER TABLE {self.quote(name)} {sampled}")
        cursor.execute(f"ANALYZE {self.quote(name)} ({', '.join(names)})")

    def refresh(self, cursor: Any, tables: Sequence[str]) -> None:
        # Within the transaction that fills a table nobody else does it, and without statistics each
        # batch reads all of the table.
        cursor.execute(_SIZES, [[self.quote(table) for table in tables]])
        for table, (size, analysed) in zip(tables, cursor.fetchall(), strict=True):
            if size >= 2 * max(self.analysed.get(table, 1), analysed):
                self.analysed[table] = size
                cursor.execute(f"ANALYZE {self.quote(table)}")

    def execute_while(
        self, cursor: Any, sql: str, params: Sequence[Any] | None, meanwhile: Callable[[], None]
    ) -> None:
        import psycopg

        driver = self.connection.connection
        server = driver.pgconn
        with self.connection.wrap_database_errors:
            server.send_query(psycopg.ClientCursor(driver).mogrify(sql, params).encode())
            server.flush()
            try:
                meanwhile()
            finally:
                _wait_for(server)
                failed = [each for each in iter(server.get_result, None) if each.error_message]
            for result in failed:
                code = result.error_field(psycopg.pq.DiagnosticField.SQLSTATE) or b"XX000"
                said = result.error_field(psycopg.pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message
                raise psycopg.errors.lookup(code.decode())(said.decode(errors="replace"))

    def adapt(self, field: Field, value: Any) -> Any:
        if value is None:
            return None
        field = base_field(field)
        if isinstance(field, models.JSONField):
            return "null" if isinstance(value, Value) else json.dumps(value, cls=field.encoder)
        if isinstance(value, (bytes, memoryview)):
            return "\\x" + bytes(value).hex()
        if isinstance(value, dt.timedelta):
            return f"{value.days} days {value.seconds}.{value.microseconds:06d} seconds"
        if isinstance(value, (str, int, float)):
            return value
        return str(value)

    def distinct(self, field: Field, left: str, right: str) -> str:
        if isinstance(base_field(field), TEXTS):
            if (field.db_type(self.connection) or "") == "citext":
                return f"{left}::text IS DISTINCT FROM {right}::text"
            if getattr(base_field(field), "db_collation", None):
                return f'{left} COLLATE "C" IS DISTINCT FROM {right} COLLATE "C"'
        return f"{left} IS DISTINCT FROM {right}"

    def any_of(self, value: str) -> str:
        return f"(ARRAY_AGG({value}))[1]"

    def key_text(self, field: Field, value: str) -> str:
        return f"{value}::text"

    def key_value(self, field: Field, text: str) -> str:
        return f"{text}::{base_field(field).rel_db_type(self.connection)}"

    def update(
        self, table: str, alias: str, assignments: Sequence[tuple[str, str]], source: str, where: str
    ) -> str:
        sets = ", ".join(f"{self.quote(column)} = {value}" for column, value in assignments)
        return f"UPDATE {self.quote(table)} AS {alias} SET {sets} FROM {source} WHERE {where}"

    def next_id(self, model: type[models.Model]) -> str | None:
        with self.connection.cursor() as cursor:
            sequence = self._sequence(cursor, model)
        if sequence is None:
            return None
        literal = sequence.replace("'", "''")
        return f"nextval('{literal}')"

    def draw_keys(self, cursor: Any, model: type[models.Model], count: int) -> Sequence[int]:
        drawn = self.next_id(model)
        if drawn is None:
            pk, table = self.quote(column_of(model._meta.pk)), self.quote(model._meta.db_table)
            cursor.execute(f"SELECT COALESCE(MAX({pk}), 0) + 1 FROM {table}")
            (first,) = cursor.fetchone()
            return range(first, first + count)
        self.advance_sequence(cursor, model)  # rows with given keys may have left it behind them
        cursor.execute(f"SELECT {drawn} FROM generate_series(1, %s)", [count])
        return [key for (key,) in cursor.fetchall()]

    def advance_sequence(self, cursor: Any, model: type[models.Model]) -> None:
        sequence = self._sequence(cursor, model)
        if sequence is None:
            return
        # A sequence that nothing was drawn from has the value that comes first.
        cursor.execute(f"SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {sequence}")
        (last,) = cursor.fetchone()
        pk, table = self.quote(column_of(model._meta.pk)), self.quote(model._meta.db_table)
        cursor.execute(f"SELECT MAX({pk}) FROM {table}")
        (highest,) = cursor.fetchone()
        if highest is None or highest <= last:
            return
        if highest - last <= _DRAWN:
            # Others may draw from it now: drawing, too, cannot take it back behind them.
            draw = "SELECT COUNT(nextval(%s)) FROM generate_series(%s, %s)"
            cursor.execute(draw, [sequence, last + 1, highest])
        else:
            advance = f"SELECT setval(%s, %s) FROM {sequence} WHERE last_value < %s"
            cursor.execute(advance, [sequence, highest, highest])

    def _sequence(self, cursor: Any, model: type[models.Model]) -> str | None:
        """The quoted name of the sequence that a model's keys are drawn from."""
        table, column = self.quote(model._meta.db_table), model._meta.pk.column
        cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, column])
        (sequence,) = cursor.fetchone()
        return sequence  # type: ignore[no-any-return]  # text or NULL

    def first_id(self, cursor: Any, model: type[models.Model]) -> tuple[int, int]:
        raise AssertionError("PostgreSQL draws its keys while planning")


def _wait_for(server: Any) -> None:
    """Wait until the server has answered."""
    with selectors.DefaultSelector() as selector:
        selector.register(server.socket, selectors.EVENT_READ)
        while server.is_busy():
            selector.select()
            server.consume_input()


def _copy_text(columns: Sequence[Sequence[Any]]) -> bytes:
    """Columns in the text format of COPY."""
    counts = [column.count(None) for column in columns]
    # What begins with a text holds nothing else, as a rule; joining fails where it does.
    texts = [
        column if not nulls and type(column[0]) is str else _texts(column)
        for column, nulls in zip(columns, counts, strict=True)
    ]
    try:
        text = _joined(texts)
    except TypeError:
        texts = [_texts(column) for column in columns]
        text = _joined(texts)
    rows, nulls = len(columns[0]), sum(counts)
    # Nearly always nothing has to be escaped, and counting is faster than looking into each value.
    is_plain = text.count(b"\\") == nulls and b"\r" not in text
    if is_plain and text.count(b"\n") == rows and text.count(b"\t") == rows * (len(columns) - 1):
        return text
    texts = [
        [
            "\\N" if value is None else shown.translate(_ESCAPES)
            for value, shown in zip(column, shown_ones, strict=True)
        ]
        for column, shown_ones in zip(columns, texts, strict=True)
    ]
    return _joined(texts)


def _joined(texts: Sequence[Sequence[str]]) -> bytes:
    return ("\n".join(map("\t".join, zip(*texts, strict=True))) + "\n").encode()


def _texts(values: Sequence[Any]) -> Sequence[str]:
    kinds = set(map(type, values))
    if kinds == {str}:
        return values
    if kinds == {int}:
        return _numbers(values)
    if type(None) not in kinds:
        return list(map(str, values))
    if kinds == {str, type(None)}:
        return ["\\N" if value is None else value for value in values]
    return ["\\N" if value is None else value if type(value) is str else str(value) for value in values]


def _numbers(values: Sequence[int]) -> Sequence[str]:
    """Integers as text: JSON's are the same, and written three times as fast."""
    try:
        return msgspec.json.encode(list(values))[1:-1].decode().split(",")
    except OverflowError:
        return list(map(str, values))
