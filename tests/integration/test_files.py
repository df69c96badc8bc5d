"""Files where they are: compressed, in folders, on servers, changed, cut off, or not there at all."""

from __future__ import annotations

import gc
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import fsspec
import pyarrow as pa
import pytest
import stamina
import zstandard

from modelsync.core.errors import ConfigurationError, Permanent, Transient
from modelsync.core.ports import Extent
from modelsync.sources import ChainSource, FileSource, IterableSource, find_files

CONTENT = b"a,b\n1,2\n3,4\n5,6\n"
ROWS = [["1", "2"], ["3", "4"], ["5", "6"]]


def rows_of(source: Any, after: Any = None) -> list[list[object]]:
    """All rows of a source."""
    return [list(row) for batch in source.read(after) for row in batch.rows]


def big(rows: int = 20_000) -> bytes:
    """A CSV of several hundred kilobytes that does not compress well."""
    return b"a,b\n" + b"".join(b"%d,%s\n" % (i, os.urandom(8).hex().encode()) for i in range(rows))


# -- compression ---------------------------------------------------------------------------------


def zipped(members: Mapping[str, bytes]) -> bytes:
    """A zip archive."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return into.getvalue()


COMPRESSIONS = {
    "rows.csv.gz": gzip.compress,
    "rows.csv.zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    "rows.csv.zip": lambda content: zipped({"rows.csv": content}),
}


@pytest.mark.parametrize("name", COMPRESSIONS)
@pytest.mark.parametrize("kept", [0.5, 0.9, 0.9999])
def test_a_truncated_archive_is_refused(tmp_path: Path, name: str, kept: float) -> None:
    """Trap: truncated. What could be unpacked is not the whole, and may delete nothing."""
    content = COMPRESSIONS[name](big())
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(Permanent, match=rf"{name} is cut off or damaged: .*; fetch it again"):
        rows_of(FileSource(path))


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_damaged_archive_is_refused(tmp_path: Path, name: str) -> None:
    """Trap: malformed. A flipped bit is no other value."""
    content = bytearray(COMPRESSIONS[name](big()))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Permanent, match=name):
        rows_of(FileSource(tmp_path / name))


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_name_that_promises_too_much_is_refused(tmp_path: Path, name: str) -> None:
    """Trap: malformed. A file that is called compressed and is not."""
    (tmp_path / name).write_bytes(CONTENT)
    with pytest.raises(Permanent, match="is cut off or damaged"):
        rows_of(FileSource(tmp_path / name))


@pytest.mark.parametrize("name", ["rows.csv.gz", "rows.csv.zst"])
def test_compression_is_seen_without_its_name(tmp_path: Path, name: str) -> None:
    """A compressed file need not be called so: stdin and downloads often are not."""
    (tmp_path / "rows.csv").write_bytes(COMPRESSIONS[name](CONTENT))
    assert rows_of(FileSource(tmp_path / "rows.csv")) == ROWS


def test_a_zip_with_two_members_is_refused(tmp_path: Path) -> None:
    """Trap: zip with two members. Which one is meant cannot be known; both are named."""
    path = tmp_path / "rows.zip"
    path.write_bytes(zipped({"a.csv": CONTENT, "b.csv": CONTENT}))
    with pytest.raises(
        ConfigurationError, match=r"rows\.zip holds 2 files \(a\.csv, b\.csv\); pack one file"
    ):
        rows_of(FileSource(path))
    path.write_bytes(zipped({}))
    with pytest.raises(ConfigurationError, match="holds 0 files"):
        rows_of(FileSource(path))


def test_what_a_mac_adds_to_a_zip_is_no_member(tmp_path: Path) -> None:
    """Trap: zip with two members, of which one is the Finder's own."""
    path = tmp_path / "rows.zip"
    path.write_bytes(zipped({"x/": b"", "x/rows.csv": CONTENT, "__MACOSX/x/._rows.csv": b"?"}))
    assert rows_of(FileSource(path)) == ROWS


@pytest.mark.parametrize("name", ["rows.csv", *COMPRESSIONS])
def test_progress_follows_the_file_itself(tmp_path: Path, name: str) -> None:
    """Trap: looking for the encoding reads to the end too; progress is that of the rows."""
    (tmp_path / name).write_bytes(COMPRESSIONS.get(name, bytes)(big(60_000)))
    source = FileSource(tmp_path / name, batch_rows=2_000)
    source.columns()
    told = [source.fraction() or 0 for _ in source.read(None)]
    assert told == sorted(told)
    assert told[0] < 0.5
    assert told[-1] > 0.9


# -- changes while it is read --------------------------------------------------------------------


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """Trap: file changed while read. A writer that has not finished must not delete anything."""
    path = tmp_path / "rows.csv"
    path.write_bytes(CONTENT)
    batches = FileSource(path, batch_rows=1).read(None)
    next(batches)
    with path.open("ab") as file:
        file.write(b"7,8\n")
    with pytest.raises(Permanent, match=r"rows\.csv was changed while it was being read; run again"):
        list(batches)


def test_a_file_that_changes_between_passes_is_refused(tmp_path: Path) -> None:
    """Trap: file changed while read. Two passes must see the same, also of the same size."""
    path = tmp_path / "rows.csv"
    path.write_bytes(CONTENT)
    source = FileSource(path)
    rows_of(source)
    path.write_bytes(CONTENT.replace(b"6", b"7"))
    with pytest.raises(Permanent, match="was changed"):
        rows_of(source)


def test_a_file_that_changes_before_resuming_is_refused(tmp_path: Path) -> None:
    """Trap: file changed before resume. The count of rows would point somewhere else."""
    path = tmp_path / "rows.csv"
    path.write_bytes(CONTENT)
    cursor = next(FileSource(path, batch_rows=1).read(None)).after
    assert rows_of(FileSource(path, batch_rows=1), cursor) == ROWS[1:]
    path.write_bytes(CONTENT.replace(b"1,2", b"1,9"))
    with pytest.raises(
        ConfigurationError, match="has changed since the run that is to be resumed; start again"
    ):
        rows_of(FileSource(path, batch_rows=1), cursor)


def test_resuming_with_another_batch_size_is_refused(tmp_path: Path) -> None:
    """Trap: cursors. A position inside a batch would lose or double rows."""
    path = tmp_path / "rows.csv"
    path.write_bytes(CONTENT)
    cursor = next(FileSource(path, batch_rows=1).read(None)).after
    with pytest.raises(ConfigurationError, match="use the same batch size as before"):
        rows_of(FileSource(path, batch_rows=2), cursor)


def test_a_chain_resumes_after_the_last_batch_of_a_file(tmp_path: Path) -> None:
    """Trap: cursors. The ordinals of the next file go on where those of the finished one ended."""
    for name in "xyz":
        (tmp_path / f"{name}.csv").write_bytes(CONTENT)

    def chain() -> ChainSource:
        return ChainSource([FileSource(tmp_path / f"{name}.csv", batch_rows=2) for name in "xyz"])

    batches = list(chain().read(None))
    assert [batch.start for batch in batches] == [0, 2, 3, 5, 6, 8]
    for number, batch in enumerate(batches, 1):
        assert [b.start for b in chain().read(batch.after)] == [b.start for b in batches[number:]]


def test_a_chain_is_a_snapshot_only_if_all_are(tmp_path: Path) -> None:
    """Trap: deletes. One file of changes among others makes a delta of all."""
    whole, part = IterableSource([{"a": 1}]), IterableSource([{"a": 2}], extent=Extent.DELTA)
    assert ChainSource([whole, whole]).extent is Extent.SNAPSHOT
    assert ChainSource([whole, part]).extent is Extent.DELTA


# -- names, folders, patterns --------------------------------------------------------------------


def test_folders_and_patterns_are_expanded(tmp_path: Path) -> None:
    """Trap: folders. Hidden files, locks of office programs and unknown formats are left out."""
    for name in ("b.csv", "a.json.gz", ".c.csv", "~$d.xlsx", "readme.md", "[e].csv"):
        (tmp_path / name).write_bytes(CONTENT)
    (tmp_path / "sub.csv").mkdir()
    names = [str(tmp_path / name) for name in ("[e].csv", "a.json.gz", "b.csv")]
    assert find_files([tmp_path]) == names
    assert find_files([tmp_path / "*.csv"]) == [names[0], names[2]]
    assert find_files([names[0]]) == [names[0]], "a name is no pattern where there is such a file"
    assert find_files([names[2], tmp_path]) == [names[2], names[0], names[1]]
    assert find_files(["-", "s3://bucket/*.csv", "file:///x.csv"]) == [
        "-",
        "s3://bucket/*.csv",
        "file:///x.csv",
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.csv", "there is no file"),
        ("missing/*.csv", "no file answers to the pattern"),
        ("", "holds no file of a known format"),
        ("x" * 300 + ".csv", "cannot be looked at: File name too long"),
        ("a\0b.csv", "there is no file"),
    ],
)
def test_names_without_files_are_told(tmp_path: Path, name: str, message: str) -> None:
    """Trap: missing file; file names with NUL and of 300 characters."""
    with pytest.raises(ConfigurationError, match=message):
        find_files([f"{tmp_path}/{name}"])


def test_a_missing_file_stays_missing(tmp_path: Path) -> None:
    """Trap: missing file. Asked again, the source says so again."""
    source = FileSource(tmp_path / "rows.csv")
    for _ in range(2):
        with pytest.raises(Permanent, match=r"there is no file .*rows\.csv"):
            rows_of(source)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """Trap: a folder where a file was meant; its name may even end in .csv."""
    (tmp_path / "rows.csv").mkdir()
    with pytest.raises(Permanent, match=r"rows\.csv is a folder; name its files, or a pattern"):
        rows_of(FileSource(tmp_path / "rows.csv"))


def test_a_forbidden_file_is_told(tmp_path: Path) -> None:
    """Trap: permission denied, for the file and for its folder."""
    path = tmp_path / "folder" / "rows.csv"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    assert rows_of(FileSource(path)) == ROWS
    is_root = os.geteuid() == 0
    for forbidden in (path, path.parent):
        forbidden.chmod(0)
        if is_root:  # who may read everything
            tmp_path.parent.parent.chmod(0o711)
            tmp_path.parent.chmod(0o711)
            tmp_path.chmod(0o711)
            os.seteuid(65534)
        try:
            with pytest.raises(Permanent, match=r"rows\.csv may not be read: Permission denied"):
                rows_of(FileSource(path))
        finally:
            if is_root:
                os.seteuid(0)
            forbidden.chmod(0o755)


def test_a_name_without_a_format_is_told(tmp_path: Path) -> None:
    """What cannot be found out can be said."""
    (tmp_path / "rows").write_bytes(CONTENT)
    with pytest.raises(ConfigurationError, match=r"does not say its format; say it with --format \(csv, "):
        rows_of(FileSource(tmp_path / "rows"))
    assert rows_of(FileSource(tmp_path / "rows", format="csv")) == ROWS
    with pytest.raises(ConfigurationError, match="there is no format 'cvs'"):
        FileSource(tmp_path / "rows", format="cvs")


def test_a_file_address_is_a_path(tmp_path: Path) -> None:
    """Trap: `file://` with characters that an address writes as percent signs."""
    path = tmp_path / "my rows?.csv"
    path.write_bytes(CONTENT)
    assert rows_of(FileSource(path)) == rows_of(FileSource(path.as_uri())) == ROWS


# -- what is left behind -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rows.csv", *COMPRESSIONS])
def test_files_are_closed_whatever_happens(tmp_path: Path, name: str) -> None:
    """Trap: open files. Whoever stops early, or gets an error, leaves none behind."""
    (tmp_path / name).write_bytes(COMPRESSIONS.get(name, bytes)(CONTENT + b'7,"8\n'))
    before = open_files()
    source = FileSource(tmp_path / name, batch_rows=1)
    source.columns()
    batches = source.read(None)
    next(batches)
    assert len(open_files()) == len(before) + 1
    batches.close()  # type: ignore[attr-defined]  # it is a generator
    assert open_files() == before
    with pytest.raises(Permanent, match="ends inside a quoted cell"):
        rows_of(source)
    assert open_files() == before


@pytest.mark.parametrize("name", ["rows.parquet", "rows.arrow", "rows.json", "rows.xlsx"])
def test_files_that_cannot_be_read_are_closed(tmp_path: Path, name: str) -> None:
    """Trap: open files, of every other format."""
    (tmp_path / name).write_bytes(b"nonsense")
    before = open_files()
    with pytest.raises(Permanent, match=name):
        rows_of(FileSource(tmp_path / name))
    assert open_files() == before


def open_files() -> list[str]:
    """The files of the temporary folder that this process has open."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(each))
        except OSError:
            continue
    return sorted(name for name in found if name.startswith(tempfile.gettempdir()) and "rows." in name)


def test_copies_are_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Trap: temporary files. What was copied goes with its source, and when copying fails."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with fsspec.open("memory://files/rows.csv", "wb") as file:
        file.write(CONTENT)
    source = FileSource("memory://files/rows.csv")
    assert rows_of(source) == ROWS
    assert len(list(tmp_path.iterdir())) == 1
    del source
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(Permanent, match="there is no file memory://files/missing"):
        rows_of(FileSource("memory://files/missing.csv"))
    assert list(tmp_path.iterdir()) == []


# -- stdin and pipes -----------------------------------------------------------------------------

_COUNT = "import sys; from modelsync.sources import FileSource; s = FileSource(sys.argv[1], format='csv'); "
_COUNT += "print([[len(b) for b in s.read(None)] for _ in range(2)], s.name)"


def test_stdin_is_read_as_often_as_wanted() -> None:
    """Trap: stdin comes only once, and passes are several."""
    done = subprocess.run([sys.executable, "-c", _COUNT, "-"], input=CONTENT, capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[[3], [3]] stdin"


def test_a_pipe_is_read_as_often_as_wanted() -> None:
    """Trap: a shell's <(...) is a pipe with the name of a file."""
    done = subprocess.run(
        [sys.executable, "-c", _COUNT, "/dev/stdin"],
        input=gzip.compress(CONTENT),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == "[[3], [3]] /dev/stdin"


def test_other_content_of_stdin_is_not_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap: file changed before resume; of stdin nothing is known but what comes."""

    def piped(content: bytes) -> FileSource:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
        return FileSource("-", batch_rows=1)

    source = piped(CONTENT)
    cursor = next(source.read(None)).after
    assert rows_of(piped(CONTENT), cursor) == ROWS[1:]
    with pytest.raises(ConfigurationError, match="stdin has changed"):
        rows_of(piped(CONTENT.replace(b"4", b"9")), cursor)


# -- servers -------------------------------------------------------------------------------------


class Server(BaseHTTPRequestHandler):
    """Answers as `answers` say, in this order; the last one again and again."""

    answers: ClassVar[list[tuple[int, dict[str, str], bytes]]] = []
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a file on a web server that answers as told."""
    Server.answers, Server.asked = [(200, {}, CONTENT)], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield f"http://user:password@127.0.0.1:{httpd.server_address[1]}/rows.csv?token=secret"
        httpd.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    """Tries again at once."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


def test_a_file_is_fetched_once(address: str) -> None:
    """Trap: transfers. However often it is read, it is one request, and one state of the file."""
    source = FileSource(address)
    source.columns()
    assert rows_of(source) == rows_of(source) == ROWS
    assert Server.asked == ["/rows.csv?token=secret"]


def test_secrets_of_an_address_are_not_told(address: str) -> None:
    """Trap: an address may hold a password or a signature; origins and messages do not."""
    source = FileSource(address)
    (batch,) = source.read(None)
    port = address.partition("1:")[2].partition("/")[0]
    assert str(batch.places(0)) == f"http://127.0.0.1:{port}/rows.csv, line 2"
    for status in (403, 404, 500):
        Server.answers = [(status, {}, b"")]
        with pytest.raises((Permanent, Transient)) as told:
            rows_of(FileSource(address))
        assert "rows.csv" in str(told.value)
        assert not any(word in str(told.value) for word in ("secret", "password", "user"))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "check the credentials"),
        (403, "the server answered 403"),
        (404, "there is no file"),
        (410, "there is no"),
    ],
)
def test_a_refusal_is_not_tried_again(address: str, status: int, message: str) -> None:
    """Trap: 401 and 404 are not mended by another try."""
    Server.answers = [(status, {}, b"")]
    with pytest.raises(Permanent, match=message):
        rows_of(FileSource(address))
    assert len(Server.asked) == 1


def test_a_busy_server_is_asked_again(address: str) -> None:
    """Trap: 429 and 5xx. They pass."""
    Server.answers = [(503, {}, b""), (429, {"Retry-After": "0"}, b""), (200, {}, CONTENT)]
    assert rows_of(FileSource(address)) == ROWS


def test_a_server_that_stays_busy_is_transient(address: str) -> None:
    """Trap: 429 with Retry-After as seconds and as a date. A long wait is the caller's matter."""
    Server.answers = [(429, {"Retry-After": "3600"}, b"")]
    with pytest.raises(Transient, match="the server answered 429") as told:
        rows_of(FileSource(address))
    assert told.value.retry_after == 3600
    assert len(Server.asked) == 1
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 600))
    Server.answers = [(503, {"Retry-After": when}, b"")]
    with pytest.raises(Transient) as told:
        rows_of(FileSource(address))
    assert 500 < (told.value.retry_after or 0) <= 600


def test_a_cut_transfer_is_transient(address: str) -> None:
    """Trap: truncated stream, wrong content length. Half a file is never taken for the whole."""
    Server.answers = [(200, {"Content-Length": "1000"}, CONTENT)]
    with pytest.raises(Transient, match=r"rows\.csv could not be read"):
        rows_of(FileSource(address))
    assert len(Server.asked) == 3


def test_no_server_is_transient() -> None:
    """Trap: nobody answers."""
    with pytest.raises(Transient, match="could not be read"):
        rows_of(FileSource("http://127.0.0.1:9/rows.csv"))


def test_an_unknown_scheme_is_told() -> None:
    """Trap: addresses of systems that nobody knows."""
    with pytest.raises(ConfigurationError, match=r"klingon:// cannot be read: .*klingon"):
        rows_of(FileSource("klingon://bucket/rows.csv"))


# -- missing extras ------------------------------------------------------------------------------

_WITHOUT = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ImportError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
from modelsync.core.errors import ConfigurationError
from modelsync.sources import FileSource, IterableSource
try:
    list(FileSource(sys.argv[2]).read(None))
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("name", "blocked", "extra"),
    [
        ("rows.xlsx", "python_calamine", "excel"),
        ("rows.parquet", "pyarrow", "parquet"),
        ("rows.arrow", "pyarrow", "parquet"),
        ("rows.json", "ijson", "json"),
        ("rows.csv.zst", "zstandard", "zst"),
        ("odd.csv", "charset_normalizer", "csv"),
        ("s3://bucket/rows.csv", "fsspec", "remote"),
        ("http://127.0.0.1:9/rows.csv", "aiohttp", "remote"),
    ],
)
def test_a_missing_extra_is_one_line(tmp_path: Path, name: str, blocked: str, extra: str) -> None:
    """Trap: missing extra. One line names it, before anything is read."""
    path = name if "://" in name else str(tmp_path / name)
    if "://" not in name:
        Path(path).write_bytes(b"a\n\x81\xff\n")
    done = subprocess.run(
        [sys.executable, "-c", _WITHOUT, blocked, path], capture_output=True, check=True, text=True
    )
    (line,) = done.stdout.splitlines()
    assert f"pip install 'django-modelsync[{extra}]'" in line


def test_csv_and_ndjson_need_no_extra(tmp_path: Path) -> None:
    """The plain formats work with the core alone."""
    blocked = "python_calamine,pyarrow,ijson,zstandard,charset_normalizer,fsspec"
    for name, content in (
        ("rows.csv", CONTENT),
        ("rows.ndjson", b'{"a": 1}'),
        ("rows.csv.gz", gzip.compress(CONTENT)),
    ):
        (tmp_path / name).write_bytes(content)
        command = [sys.executable, "-c", _WITHOUT, blocked, str(tmp_path / name)]
        assert subprocess.run(command, capture_output=True, check=True).stdout == b""


# -- iterables -----------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", ["text", b"bytes", {"a": 1}, 7, None])
def test_what_is_no_source_is_told(rows: object) -> None:
    """A mapping or a text could be iterated, but was not meant so."""
    with pytest.raises(ConfigurationError, match=f"not a {type(rows).__name__}"):
        IterableSource(rows)


def test_a_generator_that_fails_does_not_seem_complete() -> None:
    """Trap: a truncated source. Read again after its failure, it must not give half as the whole."""

    def failing() -> Iterator[dict[str, object]]:
        yield {"a": 1}
        raise OSError("gone")

    source = IterableSource(failing(), batch_rows=1)
    with pytest.raises(OSError, match="gone"):
        rows_of(source)
    with pytest.raises(Permanent, match="rows broke off when they were read before"):
        rows_of(source)


def test_a_mapping_that_changes_is_refused() -> None:
    """Trap: a generator that fills one dict again and again would give its last row many times."""

    def reusing() -> Iterator[dict[str, object]]:
        row: dict[str, object] = {}
        for number in range(3):
            row["a"] = number
            yield row

    with pytest.raises(ConfigurationError, match=r"dict\(row\)"):
        rows_of(IterableSource(reusing()))


def test_rows_that_cannot_be_kept_are_told() -> None:
    """A generator's rows are kept for the passes after the first; some cannot be."""
    with pytest.raises(ConfigurationError, match="give a list of them"):
        rows_of(IterableSource({"a": lambda: None} for _ in range(2)))


def test_a_column_name_that_is_no_text_is_told() -> None:
    """A model field has a name; a number is none."""
    with pytest.raises(ConfigurationError, match="a column name is a text, not 1"):
        rows_of(IterableSource([{1: "a"}]))


def test_making_a_source_reads_nothing() -> None:
    """Trap: work at import. A declared sync may hold a lazy iterable such as a queryset."""

    class Lazy:
        def __iter__(self) -> Iterator[dict[str, object]]:
            raise AssertionError("it was read")

    IterableSource(Lazy())


def test_an_arrow_stream_of_any_kind_is_read_twice() -> None:
    """Trap: what comes only once. An object of another library need not say that it does."""

    class Stream:
        def __init__(self) -> None:
            self.reader = pa.RecordBatchReader.from_batches(
                pa.schema([("a", pa.int64())]), [pa.record_batch({"a": [1, 2]})]
            )

        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return self.reader.__arrow_c_stream__(requested_schema)

    source = IterableSource(Stream())
    assert rows_of(source) == rows_of(source) == [[1], [2]]


def test_a_cursor_of_a_generator_is_plain(tmp_path: Path) -> None:
    """Trap: cursors. A generator is resumed by counting."""
    source = IterableSource(({"a": i} for i in range(4)), batch_rows=2)
    cursor = json.loads(json.dumps(next(source.read(None)).after))
    assert rows_of(source, cursor) == [[2], [3]]
