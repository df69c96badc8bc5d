"""The index of the files that objects name, by which other sites compare theirs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import msgspec
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage
from django.db import models
from django.db.models.query import QuerySet

from modelsync.formats.wire import End, encode_line
from modelsync.media.index import FileLine
from modelsync.media.inspecting import sha256
from modelsync.media.names import FileNames
from modelsync.media.refs import FileRef, field_storage
from modelsync.media.safety import why_refused
from modelsync.spooling import spooled

Objects: TypeAlias = "QuerySet[Any, Any] | Iterable[models.Model]"
Field: TypeAlias = models.FileField

#: Hashes that are remembered.
_REMEMBERED: Final = 10_000
# A file may change again within the grain of its time, and keep its size.
_SETTLED: Final = timedelta(seconds=3)


def file_index(
    querysets: Iterable[Objects], is_hidden: Callable[[Field], bool] = lambda field: False
) -> Iterator[bytes]:
    """A line for each file that the objects name: `{"name", "size", "sha256"}`, then the end line.

    Each name comes once; files that are not there have none. The names are read first, so that no
    query is open while files are. Fields that a route excludes or masks are to be hidden.

    A route mounts it beside the path that serves the objects, behind the same token::

        blocks = file_index(
            (part.objects if part.queryset is None else part.queryset for part in parts), is_hidden
        )
        response = StreamingHttpResponse(blocks, content_type=NDJSON)   # at PATH/files/

    Args:
        querysets: querysets, or objects that are in memory already.
        is_hidden: whether a field's files are to be left out.
    """
    with FileNames() as names:
        for objects in querysets:
            names.add(_named(objects, is_hidden))
        count = 0
        for ref in names:
            line = _line(ref)
            if line is not None:
                count += 1
                yield msgspec.json.encode(line) + b"\n"
        yield encode_line(End(count=count))


def _named(objects: Objects, is_hidden: Callable[[Field], bool]) -> Iterator[FileRef]:
    if not isinstance(objects, QuerySet) or objects._result_cache is not None:
        for each in objects:
            for field in _file_fields(type(each), is_hidden):
                yield from _refs(field, [(each.pk, getattr(each, field.attname).name)])
        return
    fields = _file_fields(objects.model, is_hidden)
    if fields:
        columns = [field.attname for field in fields]
        rows = objects.values_list("pk", *columns).iterator(chunk_size=2000)
        for pk, *values in spooled(rows, objects.db):
            for field, name in zip(fields, values, strict=True):
                yield from _refs(field, [(pk, name)])


def _refs(field: Field, pairs: Iterable[tuple[object, str | None]]) -> Iterator[FileRef]:
    label = field.model._meta.label_lower
    for pk, name in pairs:
        if name and why_refused(name) is None:
            yield FileRef(model=label, pk=str(pk), field=field.name, name=name)


def _file_fields(model: type[models.Model], is_hidden: Callable[[Field], bool]) -> list[Field]:
    fields = model._meta.concrete_fields
    return [field for field in fields if isinstance(field, models.FileField) and not is_hidden(field)]


def _line(ref: FileRef) -> FileLine | None:
    storage = field_storage(ref)
    try:
        size = storage.size(ref.name)
        return FileLine(name=ref.name, size=size, sha256=_HASHES.of(ref, storage, size))
    except (OSError, SuspiciousFileOperation):
        return None


class Hashes:
    """Hashes of files, remembered while size and time stay the same."""

    def __init__(self, most: int = _REMEMBERED) -> None:
        self.most = most
        self._known: OrderedDict[tuple[object, ...], str] = OrderedDict()

    def of(self, ref: FileRef, storage: Storage, size: int) -> str:
        """The SHA-256 of a file of a storage, in hex."""
        changed = _changed(storage, ref.name)
        key = (ref.model, ref.field, ref.name, size, changed)
        known = self._known.get(key)
        if known is None:
            with storage.open(ref.name) as file:
                known = sha256(file)
            if changed is not None:
                self._known[key] = known
                while len(self._known) > self.most:
                    self._known.popitem(last=False)
        return known


_HASHES: Final = Hashes()


def _changed(storage: Storage, name: str) -> datetime | None:
    """When a file was changed last; None where that cannot tell it from a later change."""
    try:
        changed = storage.get_modified_time(name)
    except NotImplementedError:
        return None
    aware = changed if changed.tzinfo else changed.astimezone()
    return aware if aware < datetime.now(UTC) - _SETTLED else None
