"""The suite for sources, run over every format, compression and place that is shipped."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import threading
import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from modelsync.core.ports import Source
from modelsync.formats import Reading
from modelsync.sources import ChainSource, FileSource, IterableSource
from modelsync.testing.sources import BrokenRows, OmittedCells, Row, SourceContract

COLUMNS = ("sku", "name", "amount", "note")
SCHEMA = pa.schema(
    [("sku", pa.string()), ("name", pa.string()), ("amount", pa.int64()), ("note", pa.string())]
)


def csv_of(rows: list[Row], bad: Sequence[int] = (), **options: Any) -> bytes:
    """The rows as CSV; bad ones have a cell too many."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, **options)
    writer.writerow(COLUMNS)
    for index, row in enumerate(rows):
        writer.writerow([row[name] for name in COLUMNS] + ["too many"] * (index in bad))
    return text.getvalue().encode()


def ndjson_of(rows: list[Row], bad: Sequence[int] = ()) -> bytes:
    """The rows as NDJSON; bad ones are cut off."""
    lines = [json.dumps(row)[: -1 if index in bad else None] + "\n" for index, row in enumerate(rows)]
    return "".join(lines).encode()


def json_of(rows: list[Row], bad: Sequence[int] = ()) -> bytes:
    """The rows as a JSON array; bad ones are no objects."""
    return json.dumps([list(row) if index in bad else row for index, row in enumerate(rows)]).encode()


def table_of(rows: list[Row]) -> pa.Table:
    """The rows as an Arrow table."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)


class InFile(SourceContract):
    """Rows in a file of the test's own folder."""

    file_name: str
    reading = Reading()

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.made = 0

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        raise NotImplementedError

    def write(self, content: bytes) -> Source:
        self.made += 1
        path = self.folder / str(self.made) / self.file_name
        path.parent.mkdir()
        path.write_bytes(content)
        return self.source(str(path))

    def source(self, path: str) -> FileSource:
        return FileSource(path, batch_rows=self.batch_rows or 4, reading=self.reading)

    def again(self, source: Source) -> Source:
        assert isinstance(source, FileSource)
        return self.source(source.content.path)

    def make(self, rows: list[Row]) -> Source:
        return self.write(self.content(rows))

    def make_broken(self, rows: list[Row], bad: Sequence[int]) -> Source:
        return self.write(self.content(rows, bad))


class TestCsv(InFile, BrokenRows):
    """CSV."""

    file_name = "rows.csv"
    is_text = True
    keeps_types = False

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        return csv_of(rows, bad)


class TestTsv(TestCsv):
    """TSV."""

    file_name = "rows.tsv"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        return csv_of(rows, bad, delimiter="\t", lineterminator="\n")


class TestGzippedCsv(TestCsv):
    """CSV in gzip."""

    file_name = "rows.csv.gz"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        return gzip.compress(csv_of(rows, bad))


class TestZstandardCsv(TestCsv):
    """CSV in Zstandard, in two frames."""

    file_name = "rows.csv.zst"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        content = csv_of(rows, bad)
        half = len(content) // 2
        return zstandard.compress(content[:half]) + zstandard.compress(content[half:])


class TestZippedCsv(TestCsv):
    """CSV in a zip archive, whose name does not say the format."""

    file_name = "rows.zip"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        return zipped({"inner/rows.csv": csv_of(rows, bad)})


class TestJson(InFile, OmittedCells, BrokenRows):
    """A JSON array."""

    file_name = "rows.json"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        return json_of(rows, bad)


class TestJsonObject(InFile, OmittedCells):
    """A JSON array in an object, after arrays that hold no records."""

    file_name = "rows.json"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        around = {"meta": {"tags": [{}]}, "sizes": [1], "errors": [], "rows": rows, "count": len(rows)}
        return json.dumps(around).encode()


class TestNdjson(InFile, OmittedCells, BrokenRows):
    """NDJSON."""

    file_name = "rows.jsonl"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        return ndjson_of(rows, bad)


class TestExcel(InFile, BrokenRows):
    """A workbook: numbers stay numbers, an empty cell is blank."""

    file_name = "rows.xlsx"
    is_text = True

    def expected(self, value: object) -> object:
        return "" if value is None else value

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        book = openpyxl.Workbook()
        book.active.append(COLUMNS)
        for index, row in enumerate(rows):
            book.active.append([row[name] for name in COLUMNS] + ["too many"] * (index in bad))
        into = io.BytesIO()
        book.save(into)
        return into.getvalue()


class TestParquet(InFile):
    """Parquet, with small row groups."""

    file_name = "rows.parquet"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        into = io.BytesIO()
        pq.write_table(table_of(rows), into, row_group_size=3)
        return into.getvalue()


class TestGzippedParquet(TestParquet):
    """Parquet in gzip, which must be unpacked before it can be read."""

    file_name = "rows.parquet.gz"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        return gzip.compress(super().content(rows, bad))


class TestArrowFile(InFile):
    """An Arrow IPC file, with small record batches."""

    file_name = "rows.arrow"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        into = io.BytesIO()
        with pa.ipc.new_file(into, SCHEMA) as writer:
            writer.write_table(table_of(rows), max_chunksize=5)
        return into.getvalue()


class TestArrowStream(InFile):
    """An Arrow IPC stream."""

    file_name = "rows.arrow"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        into = io.BytesIO()
        with pa.ipc.new_stream(into, SCHEMA) as writer:
            writer.write_table(table_of(rows), max_chunksize=5)
        return into.getvalue()


class TestZippedArrowStream(TestArrowStream):
    """An Arrow IPC stream in a zip archive."""

    file_name = "rows.zip"

    def content(self, rows: list[Row], bad: Sequence[int] = ()) -> bytes:
        return zipped({"rows.arrow": super().content(rows, bad)})


class TestList(OmittedCells, BrokenRows):
    """A list of mappings."""

    def make(self, rows: list[Row]) -> Source:
        return IterableSource(rows, batch_rows=self.batch_rows or 4)

    def make_broken(self, rows: list[Row], bad: Sequence[int]) -> Source:
        return self.make([None if i in bad else row for i, row in enumerate(rows)])  # type: ignore[misc]  # broken

    def again(self, source: Source) -> Source:
        assert isinstance(source, IterableSource)
        return IterableSource(source.rows, batch_rows=self.batch_rows or 4)


class TestGenerator(OmittedCells, BrokenRows):
    """A generator: its rows come only once, and are kept for the passes after the first."""

    def make(self, rows: list[Row]) -> Source:
        return IterableSource((row for row in rows), batch_rows=self.batch_rows or 4)

    def make_broken(self, rows: list[Row], bad: Sequence[int]) -> Source:
        return self.make([None if i in bad else row for i, row in enumerate(rows)])  # type: ignore[misc]  # broken


class TestArrowTable(SourceContract):
    """An Arrow table."""

    def make(self, rows: list[Row]) -> Source:
        return IterableSource(table_of(rows), batch_rows=self.batch_rows or 4)


class TestArrowReader(SourceContract):
    """A stream of record batches, which comes only once."""

    def make(self, rows: list[Row]) -> Source:
        reader = pa.RecordBatchReader.from_batches(SCHEMA, table_of(rows).to_batches(max_chunksize=3))
        return IterableSource(reader, batch_rows=self.batch_rows or 4)


class TestChain(InFile):
    """Two files of two formats, one after the other."""

    file_name = "rows.csv"
    is_text = True
    keeps_types = False

    def make(self, rows: list[Row]) -> Source:
        half = (len(rows) + 1) // 2
        return ChainSource([self.write(csv_of(rows[:half])), self.write(csv_of(rows[half:]))])

    def again(self, source: Source) -> Source:
        assert isinstance(source, ChainSource)
        return ChainSource([super(TestChain, self).again(each) for each in source.sources])


class TestStdin(TestCsv):
    """CSV that comes from another program."""

    @pytest.fixture(autouse=True)
    def _patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.piped = b""

    def write(self, content: bytes) -> Source:
        self.piped = content
        return self.again(None)

    def again(self, source: object) -> Source:
        self.monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(self.piped)))
        return self.source("-")


class TestMemory(TestCsv):
    """CSV in a file system that fsspec knows."""

    def write(self, content: bytes) -> Source:
        self.made += 1
        address = f"memory://modelsync/{self.made}/{self.file_name}"
        with fsspec.open(address, "wb") as file:
            file.write(content)
        return self.source(address)


def documented(page: str) -> dict[str, Any]:
    """What the examples of a page define, those before the one that uses a project."""
    text = (Path(__file__).parents[2] / "docs" / page).read_text()
    examples = [part.partition("```")[0] for part in text.split("```python\n")[1:]]
    defined: dict[str, Any] = {}
    exec("\n".join(each for each in examples if "modelsync.sync(" not in each), defined)
    return defined


class TestDocumented(documented("how-to/write-a-source.md")["TestWarehouse"]):  # type: ignore[misc]  # from a page
    """The source that the documentation writes."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A web server on this machine: its address, and the folder that it serves."""
    folder = tmp_path_factory.mktemp("served")
    handler = partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}", folder
        httpd.shutdown()
        thread.join()


class TestHttp(TestCsv):
    """CSV on a web server; the query is no part of the file's name."""

    @pytest.fixture(autouse=True)
    def _served(self, server: tuple[str, Path], tmp_path: Path) -> None:
        self.address, self.served = server

    def write(self, content: bytes) -> Source:
        self.made += 1
        name = f"{self.folder.name}-{self.made}.csv"
        (self.served / name).write_bytes(content)
        return self.source(f"{self.address}/{name}?token=secret")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nothing."""


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return into.getvalue()
