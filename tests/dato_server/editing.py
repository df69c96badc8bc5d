"""Editing as editors and the management API do it. Each edit takes its time from the site's clock."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime
from typing import Any

from tests.dato_server.content import (
    Block,
    Content,
    ItemType,
    Record,
    StructuredText,
    Upload,
    blocks_in,
    values_of,
)
from tests.dato_server.site import Environment, Event, EventType, Site


class Editor:
    """Edits one environment of a site, the primary one if none is named."""

    def __init__(self, site: Site, environment: str | None = None) -> None:
        self.site = site
        self.environment: Environment = site.environment(environment)

    def record(self, record_id: str) -> Record:
        """A record as it was saved last. Raises KeyError where there is none."""
        return self.environment.contents.records[record_id]

    def records(self, type_: str) -> list[Record]:
        """All records of a model, drafts too, in the order in which they were made."""
        return [each for each in self.environment.contents.records.values() if each.type == type_]

    def block(self, type_: str, content: Content, *, id: str | None = None) -> Block:  # noqa: A002  # its name
        """A new block, to be put into a record."""
        self._check(type_, content)
        now = self.site.clock.now
        return Block(
            id=id or self.site.new_id(), type=type_, created=now, updated=now, content=deepcopy(content)
        )

    def create(
        self,
        type_: str,
        content: Content,
        *,
        id: str | None = None,  # noqa: A002  # its name
        parent: str | None = None,
        publish: bool = True,
    ) -> Record:
        """A new record, last among its siblings. Without drafts it is published in any case."""
        model = self._check(type_, content)
        if model.is_singleton and self.records(type_):
            raise ValueError(f"{type_} is a singleton, and has its record")
        with self.site.lock:
            now = self._begin()
            position = len(self._siblings(type_, parent)) + 1 if model.has_position else None
            record = Record(
                id=id or self.site.new_id(),
                type=type_,
                created=now,
                updated=now,
                content=deepcopy(content),
                parent=parent,
                position=position,
            )
            if record.id in self.environment.contents.records:
                raise ValueError(f"there is a record {record.id} already")
            if not model.has_drafts:
                record = _published(record, now)
            self._put("create", record, None)
            return self.publish(record.id) if publish and model.has_drafts else record

    def update(self, record_id: str, content: Content) -> Record:
        """Save some fields. What is published stays as it is until `publish()`, where there are drafts."""
        old = self.record(record_id)
        self._check(old.type, content)
        with self.site.lock:
            now = self._begin()
            new = replace(old, content=deepcopy({**old.content, **content}), updated=now)
            return self._save(new, old)

    def update_block(self, record_id: str, block_id: str, content: Content) -> Record:
        """Save some fields of a block of a record, however deep it is. See Behaviour.block_moves_record."""
        old = self.record(record_id)
        with self.site.lock:
            now = self._begin()
            merge = _Merge(block_id, deepcopy(content), now)
            merged = {name: merge.value(value) for name, value in old.content.items()}
            if not merge.found:
                raise KeyError(f"{old.type} {record_id} has no block {block_id}")
            self._check(merge.found, content)
            moved = now if self.site.behaviour.block_moves_record else old.updated
            return self._save(replace(old, content=merged, updated=moved), old)

    def publish(self, record_id: str) -> Record:
        """Show what was saved last. This does not move `_updatedAt`."""
        with self.site.lock:
            old, now = self.record(record_id), self._begin()
            return self._put("publish", _published(old, now), old)

    def unpublish(self, record_id: str) -> Record:
        """Keep it as a draft."""
        with self.site.lock:
            old = self.record(record_id)
            self._begin()
            new = replace(old, published=None, published_content=None, published_updated=None)
            return self._put("unpublish", new, old)

    def delete(self, record_id: str) -> None:
        """Delete it for good, and what is below it in a tree. Links to it remain, and lead nowhere."""
        with self.site.lock:
            old = self.record(record_id)
            for child in self._siblings(old.type, record_id):
                self.delete(child.id)
            now = self._begin()
            del self.environment.contents.records[record_id]
            self._note("delete", old, old, now)

    def set_valid(self, record_id: str, is_valid: bool) -> Record:
        """Say whether it satisfies its model, as when a rule changed. No stamp moves, nobody is told."""
        with self.site.lock:
            self._begin()
            record = replace(self.record(record_id), is_valid=is_valid)
            self.environment.contents.records[record_id] = record
            return record

    def reorder(self, record_ids: Sequence[str]) -> None:
        """Give siblings the positions 1, 2, 3, ... See Behaviour.reordering_moves_record."""
        with self.site.lock:
            now = self._begin()
            for position, record_id in enumerate(record_ids, 1):
                self._place(replace(self.record(record_id), position=position), now)

    def move(self, record_id: str, parent: str | None) -> Record:
        """Put it below another parent, last among the siblings there."""
        with self.site.lock:
            now, old = self._begin(), self.record(record_id)
            above = parent
            while above is not None:
                if above == record_id:
                    raise ValueError(f"{parent} is below {record_id}, or the same")
                above = self.record(above).parent
            position = len([each for each in self._siblings(old.type, parent) if each.id != record_id]) + 1
            return self._place(replace(old, parent=parent, position=position), now)

    def upload(
        self,
        filename: str,
        data: bytes,
        *,
        size: tuple[int, int] | None = None,
        alt: Mapping[str, str] | None = None,
        title: Mapping[str, str] | None = None,
    ) -> Upload:
        """A new asset, with its width and height in pixels, and texts by locale."""
        with self.site.lock:
            upload_id, now = self.site.new_id(), self._begin()
            upload = Upload(
                id=upload_id,
                created=now,
                updated=now,
                width=size[0] if size else None,
                height=size[1] if size else None,
                alt=dict(alt or {}),
                title=dict(title or {}),
                **_file(upload_id, filename, data, 1),
            )
            self.environment.contents.uploads[upload_id] = upload
            self._note("create", upload, None, now)
            return upload

    def replace_upload(self, upload_id: str, data: bytes, *, filename: str | None = None) -> Upload:
        """Other bytes under the same id, at another address. The records that show it do not move."""
        with self.site.lock:
            now, old = self._begin(), self.environment.contents.uploads[upload_id]
            edition = int(old.path.split("/")[3]) + 1
            file = _file(upload_id, filename or old.filename, data, edition)
            upload = replace(old, updated=now, **file)
            self.environment.contents.uploads[upload_id] = upload
            self._note("update", upload, old, now)
            return upload

    def delete_upload(self, upload_id: str) -> None:
        """Fields that show it are empty from now on."""
        with self.site.lock:
            now = self._begin()
            old = self.environment.contents.uploads.pop(upload_id)
            self._note("delete", old, old, now)

    def _begin(self) -> datetime:
        self.site.lag.edited()
        return self.site.clock.tick()

    def _save(self, new: Record, old: Record) -> Record:
        if not self.environment.types[new.type].has_drafts:
            new = _published(new, self.site.clock.now)
        return self._put("update", new, old)

    def _put(self, event: EventType, new: Record, old: Record | None) -> Record:
        self.environment.contents.records[new.id] = new
        self._note(event, new, old, self.site.clock.now)
        return new

    def _note(
        self, event: EventType, entity: Record | Upload, old: Record | Upload | None, at: datetime
    ) -> None:
        name = self.environment.name
        self.site.note(Event(number=0, type=event, environment=name, entity=entity, previous=old, at=at))

    def _place(self, record: Record, now: datetime) -> Record:
        old = self.record(record.id)
        if self.site.behaviour.reordering_moves_record:
            record = replace(record, updated=now, published_updated=record.published and now)
        return self._put("update", record, old)

    def _siblings(self, type_: str, parent: str | None) -> list[Record]:
        return [each for each in self.records(type_) if each.parent == parent]

    def _check(self, type_: str, content: Content) -> ItemType:
        """The model of a content. Raises ValueError where the content does not fit it."""
        model = self.environment.types[type_]
        for api_key, value in content.items():
            shape = model.field(api_key)
            if shape.localised and not (isinstance(value, Mapping) and set(value) <= set(self.site.locales)):
                raise ValueError(f"{type_}.{api_key} wants a value for each of {self.site.locales}")
            allowed = {*shape.blocks, *shape.inline_blocks}
            for each in values_of(shape, content):
                for block in blocks_in(each):
                    if block.type not in allowed:
                        raise ValueError(
                            f"{type_}.{api_key} takes no {block.type}; it takes {sorted(allowed)}"
                        )
        return model


class _Merge:
    """Puts new values into one block, wherever it is. `found` is its model then."""

    def __init__(self, block_id: str, content: Content, now: datetime) -> None:
        self.block_id = block_id
        self.content = content
        self.now = now
        self.found = ""

    def value(self, value: Any) -> Any:
        """The value with the block changed in it."""
        match value:
            case Block():
                return self._block(value)
            case StructuredText():
                return replace(
                    value,
                    blocks=tuple(map(self._block, value.blocks)),
                    inline_blocks=tuple(map(self._block, value.inline_blocks)),
                )
            case list() | tuple():
                return [self.value(each) for each in value]
            case dict():
                return {name: self.value(each) for name, each in value.items()}
        return value

    def _block(self, block: Block) -> Block:
        if block.id != self.block_id:
            return replace(block, content=self.value(dict(block.content)))
        self.found = block.type
        return replace(block, content={**block.content, **self.content}, updated=self.now)


def _published(record: Record, now: datetime) -> Record:
    return replace(
        record,
        published=now,
        first_published=record.first_published or now,
        published_content=record.content,
        published_updated=record.updated,
    )


def _file(upload_id: str, filename: str, data: bytes, edition: int) -> dict[str, Any]:
    return {
        "path": f"/assets/{upload_id}/{edition}/{filename}",
        "filename": filename,
        "data": data,
        "md5": hashlib.md5(data, usedforsecurity=False).hexdigest(),
        "mime_type": mimetypes.guess_type(filename)[0] or "application/octet-stream",
    }
