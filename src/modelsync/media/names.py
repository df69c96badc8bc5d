"""Which files the rows of a source name, noted while they pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Self

from django.apps import apps
from django.core.files.storage import Storage
from django.db import models, router

from modelsync.core.ports import Extent, Source
from modelsync.core.records import Batch, Cursor
from modelsync.media.refs import FileRef, field_storage, file_field
from modelsync.media.scratch import Scratch

_PAGE: Final = 1_000
_TABLE: Final = (
    "CREATE TABLE files (number INTEGER PRIMARY KEY, storage INTEGER, name TEXT, model TEXT, pk TEXT, "
    "field TEXT, is_image INTEGER, UNIQUE (storage, name))"
)
_ADD: Final = (
    "INSERT OR IGNORE INTO files (storage, name, model, pk, field, is_image) VALUES (?, ?, ?, ?, ?, ?)"
)
_READ: Final = (
    "SELECT number, model, pk, field, name, is_image FROM files WHERE number > ? ORDER BY number LIMIT ?"
)


class FileNames:
    """Files in the order in which they were named, each once, kept on disk: memory stays flat.

    Two fields that name the same file of the same storage are one; it belongs to the first.
    `storage_of` is asked once for each field.
    """

    def __init__(
        self, files: Iterable[FileRef] = (), storage_of: Callable[[FileRef], Storage] = field_storage
    ) -> None:
        self.storage_of = storage_of
        self._storages: list[Storage] = []
        self._known: dict[tuple[str, str], int] = {}
        self._scratch = Scratch(_TABLE)
        self.add(files)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return int(self._scratch.read("SELECT count(*) FROM files")[0][0])

    def __iter__(self) -> Iterator[FileRef]:
        last = 0
        while rows := self._scratch.read(_READ, (last, _PAGE)):
            last = rows[-1][0]
            for _, model, pk, field, name, is_image in rows:
                yield FileRef(model=model, pk=pk, field=field, name=_text(name), is_image=bool(is_image))

    def add(self, files: Iterable[FileRef]) -> None:
        """Take note of files."""
        rows = (
            (self._storage(ref), _kept(ref.name), ref.model, ref.pk, ref.field, ref.is_image) for ref in files
        )
        self._scratch.write(_ADD, rows)

    def clear(self) -> None:
        """Forget them all."""
        self._scratch.write("DELETE FROM files")

    def close(self) -> None:
        """Give the disk back."""
        self._scratch.close()

    def _storage(self, ref: FileRef) -> int:
        """The number of a field's storage; the same for fields that share one."""
        number = self._known.get((ref.model, ref.field))
        if number is None:
            storage = self.storage_of(ref)
            places = (place for place, known in enumerate(self._storages) if known is storage)
            number = next(places, len(self._storages))
            if number == len(self._storages):
                self._storages.append(storage)
            self._known[ref.model, ref.field] = number
        return number


class WithFiles:
    """A source that passes on another one, and notes in `files` what files its rows name.

    Models that are not known here, or not in the database `using`, are passed over. A reading from the
    start forgets what an earlier one noted.
    """

    def __init__(self, source: Source, using: str) -> None:
        self.source = source
        self.using = using
        self.files = FileNames()

    def __getattr__(self, name: str) -> Any:
        # `name`, `notes`, `header` and whatever else the source has and may change while it is read.
        if name == "source":
            raise AttributeError(name)
        return getattr(self.source, name)

    @property
    def extent(self) -> Extent:
        """That of the source."""
        return self.source.extent

    def read(self, after: Cursor | None) -> Iterator[Batch]:
        """The batches of the source."""
        if after is None:
            self.files.clear()
        for batch in self.source.read(after):
            self.files.add(named(batch, self.using))
            yield batch


def named(batch: Batch, using: str) -> Iterator[FileRef]:
    """The files that the rows of a batch name."""
    for index, field in _file_columns(batch, using):
        model, is_image = str(batch.model), isinstance(field, models.ImageField)
        keys = batch.column(batch.columns.index("pk")) if "pk" in batch.columns else [None] * len(batch)
        for pk, name in zip(keys, batch.column(index), strict=True):
            if name and isinstance(name, str):
                key = "" if pk is None else str(pk)
                yield FileRef(model=model, pk=key, field=field.name, name=name, is_image=is_image)


def _file_columns(batch: Batch, using: str) -> list[tuple[int, models.FileField]]:
    try:
        model = apps.get_model(batch.model or "")
    except (LookupError, ValueError):
        return []
    if not router.allow_migrate_model(using, model):
        return []
    found = ((index, file_field(model, column)) for index, column in enumerate(batch.columns))
    return [(index, field) for index, field in found if field is not None]


def _kept(name: str) -> bytes:
    # Text of SQLite holds no lone surrogates, and JSON may; such a name is refused later on, by itself.
    return name.encode("utf-8", "surrogatepass")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")
