"""What one request may see of an environment: the published records, or the drafts too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, TypeAlias

from graphql import GraphQLResolveInfo

from tests.dato_server.content import (
    Block,
    Color,
    Content,
    Field,
    File,
    ItemType,
    LatLon,
    Record,
    StructuredText,
    Upload,
    linked_in,
)
from tests.dato_server.naming import record_name
from tests.dato_server.site import Behaviour, Contents


@dataclass(frozen=True, slots=True)
class Languages:
    """The locale that is asked for, and those that stand in for it where a field is empty."""

    locale: str
    fallbacks: tuple[str, ...] = ()

    def asked(self, locale: str | None, fallbacks: list[str] | None) -> Languages:
        """With what an argument says instead."""
        if locale is None and fallbacks is None:
            return self
        return Languages(locale or self.locale, self.fallbacks if fallbacks is None else tuple(fallbacks))

    def pick(self, values: Mapping[str, Any] | None) -> Any:
        """One of the values of a localised field."""
        values = values or {}
        for locale in (self.locale, *self.fallbacks):
            if values.get(locale) not in (None, "", (), []):
                return values[locale]
        return values.get(self.locale)


@dataclass(frozen=True, slots=True)
class Shown:
    """A record, or a block of it, as a request sees it."""

    record: Record
    model: ItemType
    content: Content
    languages: Languages
    block: Block | None = None

    @property
    def id(self) -> str:
        """That of the block, if it is one."""
        return self.block.id if self.block else self.record.id

    @property
    def type_name(self) -> str:
        """Its type in GraphQL."""
        return record_name(self.model.api_key)

    @property
    def locales(self) -> list[str]:
        """Those in which a localised field has a value."""
        found: dict[str, None] = {}
        for shape in self.model.fields:
            if shape.localised:
                found.update(dict.fromkeys(self.content.get(shape.api_key) or ()))
        return list(found)


@dataclass(frozen=True, slots=True)
class ShownFile:
    """An asset in a field, or by itself."""

    upload: Upload
    file: File
    languages: Languages


@dataclass(slots=True)
class View:
    """The records and assets as one request sees them. `served` has the ids that root fields gave."""

    contents: Contents
    types: Mapping[str, ItemType]
    behaviour: Behaviour
    languages: Languages
    address: str
    includes_drafts: bool = False
    excludes_invalid: bool = False
    served: list[str] = field(default_factory=list)
    #: Whole lists that pages were taken from: many pages of one are asked for at once.
    lists: dict[object, list[Shown]] = field(default_factory=dict)
    _by_type: dict[str, list[Record]] | None = None

    def records(self, type_: str, languages: Languages) -> list[Shown]:
        """All visible records of a model, in the order in which they were made."""
        if self._by_type is None:
            self._by_type = {}
            for each in self.contents.records.values():
                self._by_type.setdefault(each.type, []).append(each)
        shown = (self._shown(each, languages) for each in self._by_type.get(type_, ()))
        return [each for each in shown if each is not None]

    def find(self, record_id: str | None, allowed: tuple[str, ...], languages: Languages) -> Shown | None:
        """A visible record by its id, if it is of one of these models."""
        record = self.contents.records.get(record_id or "")
        return self._shown(record, languages) if record and record.type in allowed else None

    def updated(self, shown: Shown) -> datetime:
        """When it was saved, see Behaviour."""
        if shown.block:
            return shown.block.updated
        record = shown.record
        if self.includes_drafts or self.behaviour.draft_moves_published:
            return record.updated
        return record.published_updated or record.updated

    def value(self, shown: Shown, shape: Field, languages: Languages) -> Any:
        """What GraphQL is to show of a field."""
        value = shown.content.get(shape.api_key)
        if shape.localised:
            value = languages.pick(value)
        return self.presented(shown, shape, value, languages)

    def presented(self, shown: Shown, shape: Field, value: Any, languages: Languages) -> Any:
        """A value of a field as GraphQL is to show it."""
        shown = replace(shown, languages=languages)
        match shape.kind:
            case "links":
                found = (self.find(each, shape.links, languages) for each in value or ())
                return [each for each in found if each is not None]
            case "gallery":
                files = (self.file(each, languages) for each in value or ())
                return [each for each in files if each is not None]
            case "rich_text":
                return [self.within(shown, each) for each in value or ()]
        if value is None:
            return None
        match shape.kind:
            case "link":
                return self.find(value, shape.links, languages)
            case "file":
                return self.file(value, languages)
            case "single_block":
                return self.within(shown, value)
            case "structured_text":
                return self._text(shown, shape, value)
        return plain(value, self.behaviour)

    def within(self, owner: Shown, block: Block) -> Shown:
        """A block of a record."""
        return Shown(owner.record, self.types[block.type], block.content, owner.languages, block)

    def file(self, value: str | File, languages: Languages) -> ShownFile | None:
        """What a field holds: a File, or just the id of an asset."""
        file = File(value) if isinstance(value, str) else value
        upload = self.contents.uploads.get(file.upload)
        return ShownFile(upload, file, languages) if upload else None

    def _text(self, shown: Shown, shape: Field, text: StructuredText) -> dict[str, Any]:
        linked = (
            self.find(each, shape.links, shown.languages) for each in dict.fromkeys(linked_in(text.value))
        )
        return {
            "value": text.value,
            "blocks": [self.within(shown, each) for each in text.blocks],
            "inlineBlocks": [self.within(shown, each) for each in text.inline_blocks],
            "links": [each for each in linked if each is not None],
        }

    def _shown(self, record: Record, languages: Languages) -> Shown | None:
        content = record.content if self.includes_drafts else record.published_content
        if content is None or (self.excludes_invalid and not record.is_valid):
            return None
        return Shown(record, self.types[record.type], content, languages)


#: What resolvers are told; its context is a View.
Info: TypeAlias = GraphQLResolveInfo[Any]


def plain(value: Any, behaviour: Behaviour) -> Any:
    """A value of a simple kind as JSON can hold it."""
    match value:
        case datetime():
            return behaviour.stamp(value)
        case date():
            return value.isoformat()
        case LatLon():
            return {"latitude": value.latitude, "longitude": value.longitude}
        case Color():
            return _color(value)
    return value


def _color(value: Color) -> dict[str, Any]:
    rgb = (value.red, value.green, value.blue)
    digits = "".join(f"{each:02x}" for each in (*rgb, *((value.alpha,) if value.alpha < 255 else ())))
    css = " ".join(str(each) for each in rgb)
    return {
        "red": value.red,
        "green": value.green,
        "blue": value.blue,
        "alpha": value.alpha,
        "hex": f"#{digits}",
        "cssRgb": f"rgb({css} / {value.alpha / 255:.4g})",
    }
