"""Downloads: many files at once, each of them whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from django.core.files.storage import Storage

from modelsync.core.errors import ConfigurationError
from modelsync.media.fetching import Fetcher, media_base
from modelsync.media.index import FileIndex
from modelsync.media.names import FileNames
from modelsync.media.redirects import Redirects, is_inside
from modelsync.media.refs import FileRef, field_storage
from modelsync.media.report import FileDone, FilesReport
from modelsync.media.settling import Settler
from modelsync.sources.retrying import TRIES
from modelsync.sources.site.addresses import checked
from modelsync.sources.site.http import Connection

#: Bytes that a file may have.
MOST_BYTES: Final = 1 << 30
#: Seconds that a file may take, all tries together: 1 GiB at 2.4 Mbit/s.
MOST_SECONDS: Final = 3600.0
WORKERS: Final = 8
# Files that wait for a worker: enough that none waits for them.
_AHEAD: Final = 4


def download(
    files: Iterable[FileRef],
    *,
    media_url: str,
    connection: Connection,
    storage_of: Callable[[FileRef], Storage] = field_storage,
    workers: int = WORKERS,
    verify: bool = False,
    index_url: str | None = None,
    token: str | None = None,
    most_bytes: int = MOST_BYTES,
    most_seconds: float = MOST_SECONDS,
    tries: int = TRIES,
    progress: Callable[[FileDone], object] | None = None,
) -> FilesReport:
    """Have the files here, in the storages of their fields, under the names that the rows say.

    A file that fails is told in the report, with the object that names it; the others come. Files
    that are here are left alone, and with `verify` only if size and hash are those of the index.
    Redirects are followed to other hosts, too, but from the internet into no private network.

    Args:
        files: what to fetch; the same file of the same storage is fetched once.
        media_url: the address that names are added to. It is sent no token.
        connection: what to ask with.
        storage_of: the storage of a field.
        workers: how many are fetched at once.
        verify: whether to compare with the index, and fetch what differs again.
        index_url: the address of the index that the other site's route serves (`PATH/files/`).
        token: what that route asks for; sent only to `index_url`.
        most_bytes: how large a file may be.
        most_seconds: how long a file may take, all tries together.
        tries: how often a file is tried, where another try may help.
        progress: told of each file that is done, in the thread of the caller.

    Raises ConfigurationError for what cannot be asked, and SourceError when the index cannot be read.
    """
    base = media_base(media_url)
    if verify and not index_url:
        raise ConfigurationError("files are verified with the index that a route serves; give its address")
    with ExitStack() as stack:
        names = _each_once(files, storage_of, stack)
        stop = threading.Event()
        settler = Settler(
            base=base,
            fetcher=Fetcher(
                connection=connection,
                redirects=Redirects(from_inside=is_inside(checked(base))),
                most=most_bytes,
                seconds=most_seconds,
                stop=stop,
            ),
            storage_of=storage_of,
            scratch=Path(stack.enter_context(TemporaryDirectory(prefix="modelsync-"))),
            index=_index(connection, index_url, token, tries, stack) if verify and index_url else None,
            tries=tries,
        )
        report = FilesReport()
        total = len(names)
        for number, done in enumerate(_in_parallel(settler.settle, names, workers, stop), 1):
            report.add(done)
            if progress is not None:
                progress(replace(done, done=number, total=total))
        return report


def _each_once(
    files: Iterable[FileRef], storage_of: Callable[[FileRef], Storage], stack: ExitStack
) -> FileNames:
    if isinstance(files, FileNames) and files.storage_of is storage_of:
        return files
    return stack.enter_context(FileNames(files, storage_of))


def _index(connection: Connection, url: str, token: str | None, tries: int, stack: ExitStack) -> FileIndex:
    index = FileIndex()
    stack.callback(index.close)
    index.fetch(connection, url, token, tries=tries)
    return index


def _in_parallel(
    settle: Callable[[FileRef], FileDone], files: Iterable[FileRef], workers: int, stop: threading.Event
) -> Iterator[FileDone]:
    """What became of each, in the order in which they are done; leaving early gives the rest up."""
    rest = iter(files)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="modelsync-files")
    try:
        running: set[Future[FileDone]] = set()
        while True:
            running |= {pool.submit(settle, ref) for ref in islice(rest, workers * _AHEAD - len(running))}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
