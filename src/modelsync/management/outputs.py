"""Files that a run fills: refused rows, and changes. They get their names when they are complete."""

from __future__ import annotations

import csv
import os
import pickle
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import msgspec

from modelsync.core.errors import ConfigurationError
from modelsync.core.events import Event, RowsChanged, RowsRejected, RunFinished
from modelsync.core.mapping import REASON_COLUMNS
from modelsync.core.records import OMITTED
from modelsync.core.results import Rejection

_ERROR_COLUMN, _ERROR, _ORIGIN, _MORE = REASON_COLUMNS


class RejectsWriter:
    """Writes refused rows as they came, plus why, so that they can be mended and fed again.

    `path` is a file (.csv or .ndjson) for one feed; for several it is a folder that gets a file
    `System_app_Model.csv` for each. A file of an earlier run is replaced, or removed when nothing
    was refused.
    """

    def __init__(self, path: Path, *, several: bool) -> None:
        self.path = path
        self.several = several
        if several and path.suffix and not path.is_dir():
            raise ConfigurationError(f"--rejects takes a folder when there are several files, not {path}")
        if not several and path.is_dir():
            self.several = True
        self.spools: dict[tuple[str | None, str | None], IO[bytes]] = {}
        self.written: list[Path] = []

    def __call__(self, event: Event) -> None:
        """Keep refused rows; write the files when the run is over."""
        if isinstance(event, RowsRejected):
            for rejection in event.rejections:
                spool = self.spools.setdefault((rejection.system, rejection.model), _spool())
                pickle.dump(rejection, spool)
        elif isinstance(event, RunFinished):
            self._finish()

    def _finish(self) -> None:
        if not self.spools and not self.several:
            self.path.unlink(missing_ok=True)
        for (system, model), spool in self.spools.items():
            path = self.path
            if self.several:
                self.path.mkdir(parents=True, exist_ok=True)
                name = "_".join(part for part in (system, (model or "").replace(".", "_")) if part)
                path = self.path / f"{name or 'rejected'}.csv"
            _write(path, spool)
            self.written.append(path)


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
            for change in event.changes:
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


def _write(path: Path, spool: IO[bytes]) -> None:
    with _beside(path) as file:
        if path.suffix.lower() in (".ndjson", ".jsonl"):
            for rejection in _kept(spool):
                file.write(msgspec.json.encode(_named(rejection), enc_hook=str).decode() + "\n")
        else:
            columns = dict.fromkeys(c for r in _kept(spool) for c in (*r.columns, *(_named(r))))
            rows = csv.DictWriter(file, [c for c in columns if c not in REASON_COLUMNS] + _reasons(columns))
            rows.writeheader()
            rows.writerows({c: _text(v) for c, v in _named(r).items()} for r in _kept(spool))
    os.replace(file.name, path)


def _named(rejection: Rejection) -> dict[str, object]:
    """The row's cells by column, and the reason columns."""
    cells = {c: v for c, v in zip(rejection.columns, rejection.raw, strict=False) if v is not OMITTED}
    more = rejection.raw[len(rejection.columns) :]
    return {
        **{c: v for c, v in cells.items() if c not in REASON_COLUMNS},
        _ERROR_COLUMN: rejection.column or "",
        _ERROR: rejection.reason,
        _ORIGIN: str(rejection.origin or ""),
        **({_MORE: " | ".join(map(_text, more))} if more else {}),
    }


def _reasons(columns: Mapping[str, None]) -> list[str]:
    return [c for c in REASON_COLUMNS if c in columns]


def _text(value: object) -> str:
    if value is None or value is OMITTED:
        return ""
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value, enc_hook=str).decode()
    return str(value)


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(1 << 20)


def _kept(spool: IO[bytes]) -> Iterator[Rejection]:
    spool.seek(0)
    while True:
        try:
            yield pickle.load(spool)  # noqa: S301  # our own file
        except EOFError:
            return


def _beside(path: Path) -> IO[str]:
    """A new file in the same folder, so that it can take the name in one step."""
    return tempfile.NamedTemporaryFile(  # noqa: SIM115  # closed where it is renamed
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, newline="", encoding="utf-8"
    )
