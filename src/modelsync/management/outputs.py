"""Files that a run fills: refused rows, and changes. They get their names when they are complete."""

from __future__ import annotations

import csv
import os
import pickle
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec

from modelsync.core.errors import ConfigurationError
from modelsync.core.events import Event, RowsChanged, RowsRejected, RunFinished
from modelsync.core.mapping import REASON_COLUMNS
from modelsync.core.records import OMITTED
from modelsync.core.results import Rejection
from modelsync.management.values import readable

#: Where refused rows belong: the external system's name and the model's label.
Route = tuple[str | None, str | None]

_ERROR_COLUMN, _ERROR, _ORIGIN, _MORE = REASON_COLUMNS
_LINES = (".ndjson", ".jsonl")


class RejectsWriter:
    """Writes refused rows as they came, plus why, so that they can be mended and fed again.

    `path` is a file (.csv or .ndjson) for one feed; for several it is a folder that gets a file
    `System_app_Model.csv` for each route. A CSV file has one header, so rows with other columns go to
    a file of their own (`..._2.csv`): a cell that was not sent must not come back as a blank one.
    A file of an earlier run is replaced, or removed when nothing was refused.
    """

    def __init__(self, path: Path, *, several: bool, routes: Sequence[Route] = ()) -> None:
        if several and path.suffix and not path.is_dir():
            raise ConfigurationError(f"--rejects takes a folder when there are several files, not {path}")
        self.path = path
        self.several = several or path.is_dir()
        self.routes = routes
        self.spools: dict[Route, dict[tuple[str, ...], _Spool]] = {}
        self.written: list[Path] = []

    def __call__(self, event: Event) -> None:
        """Keep refused rows; write the files when the run is over."""
        if isinstance(event, RowsRejected):
            for rejection in event.rejections:
                self._spool(rejection).add(rejection)
        elif isinstance(event, RunFinished):
            self._finish()

    def _spool(self, rejection: Rejection) -> _Spool:
        route = (rejection.system, rejection.model) if self.several else (None, None)
        columns = () if self.path.suffix.lower() in _LINES else tuple(_sent(rejection))
        shapes = self.spools.setdefault(route, {})
        if columns not in shapes:
            shapes[columns] = _Spool()
        return shapes[columns]

    def _finish(self) -> None:
        for route in self.routes if self.several else [(None, None)]:
            if route not in self.spools:
                self._file(route).unlink(missing_ok=True)
        for route, shapes in self.spools.items():
            first = self._file(route)
            first.parent.mkdir(parents=True, exist_ok=True)
            for number, (columns, spool) in enumerate(shapes.items(), 1):
                path = first if number == 1 else first.with_stem(f"{first.stem}_{number}")
                _write(path, columns, spool)
                spool.file.close()
                self.written.append(path)

    def _file(self, route: Route) -> Path:
        if not self.several:
            return self.path
        system, model = route
        name = "_".join(part for part in (system, (model or "").replace(".", "_")) if part)
        return self.path / f"{file_name(name) or 'rejected'}.csv"


class DiffWriter:
    """Writes every change to a CSV file: one line for each field of each object, old and new."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file: IO[str] | None = None
        self.changes = 0

    def __call__(self, event: Event) -> None:
        """Write changes as they are told; name the file when the run is over."""
        if isinstance(event, RowsChanged):
            rows = self._rows()
            for change in map(readable, event.changes):
                self.changes += 1
                start = (change.model, _text(change.pk), change.outcome.label)
                origin = str(change.origin or "")
                for name, (old, new) in change.fields.items():
                    rows.writerow((*start, name, _text(old), _text(new), origin))
                if not change.fields:
                    rows.writerow((*start, "", "", "", origin))
        elif isinstance(event, RunFinished):
            self._rows()
            assert self.file is not None
            self.file.close()
            os.replace(self.file.name, self.path)

    def _rows(self) -> Any:
        if self.file is None:
            self.file = _beside(self.path)
            self.writer = csv.writer(self.file)
            self.writer.writerow(("model", "pk", "outcome", "field", "old", "new", "origin"))
        return self.writer


class _Spool:
    """Rejections on disk, given back in the order of the input."""

    def __init__(self) -> None:
        self.file = tempfile.SpooledTemporaryFile(1 << 20)  # noqa: SIM115  # lives with the writer
        self.places: list[tuple[str, int, int]] = []

    def add(self, rejection: Rejection) -> None:
        source = rejection.origin.source if rejection.origin else ""
        self.places.append((source, place_of(rejection), self.file.tell()))
        pickle.dump(rejection, self.file)

    def __iter__(self) -> Iterator[Rejection]:
        sources = {source: rank for rank, source in enumerate(dict.fromkeys(s for s, _, _ in self.places))}
        for _, _, at in sorted(self.places, key=lambda each: (sources[each[0]], each[1])):
            self.file.seek(at)
            yield pickle.load(self.file)  # noqa: S301  # our own file


def place_of(rejection: Rejection) -> int:
    """Its place in its file; rows that cannot be read have ordinals after those of their batch."""
    place = rejection.origin.place if rejection.origin else None
    return rejection.number if place is None else place


def file_name(text: str) -> str:
    """The text as a file's name: what could be a path, or is not printed everywhere, becomes a dash."""
    return re.sub(r"[^\w.+=@ -]", "-", text).lstrip(".")


def _write(path: Path, columns: Sequence[str], spool: _Spool) -> None:
    with _beside(path) as file:
        if path.suffix.lower() in _LINES:
            for rejection in spool:
                row = _sent(rejection) | _why(rejection)
                file.write(msgspec.json.encode(row, enc_hook=str).decode() + "\n")
        else:
            more = any(_MORE in _why(rejection) for rejection in spool)
            rows = csv.DictWriter(file, [*columns, *(c for c in REASON_COLUMNS if more or c != _MORE)])
            rows.writeheader()
            for rejection in spool:
                rows.writerow({c: _text(v) for c, v in (_sent(rejection) | _why(rejection)).items()})
    os.replace(file.name, path)


def _sent(rejection: Rejection) -> dict[str, object]:
    """The row's cells by column, without the reasons of an earlier time."""
    cells = zip(rejection.columns, rejection.raw, strict=False)
    return {c: v for c, v in cells if v is not OMITTED and c not in REASON_COLUMNS}


def _why(rejection: Rejection) -> dict[str, object]:
    """The reason columns. A row that is too long has its last cells here, too."""
    more = rejection.raw[len(rejection.columns) :]
    return {
        _ERROR_COLUMN: rejection.column or "",
        _ERROR: rejection.reason,
        _ORIGIN: str(rejection.origin or ""),
        **({_MORE: " | ".join(map(_text, more))} if more else {}),
    }


def _text(value: object) -> str:
    if value is None or value is OMITTED:
        return ""
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)


def _beside(path: Path) -> IO[str]:
    """A new file in the same folder, so that it can take the name in one step."""
    return path.with_name(f".{path.name}.{os.getpid()}").open("w", newline="", encoding="utf-8")
