"""What a site is made of: models with fields, blocks, records, assets. Plain values, no behaviour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

Kind: TypeAlias = Literal[
    "string",
    "text",
    "slug",
    "integer",
    "float",
    "boolean",
    "date",
    "date_time",
    "json",
    "color",
    "lat_lon",
    "link",
    "links",
    "file",
    "gallery",
    "single_block",
    "rich_text",
    "structured_text",
]
Status: TypeAlias = Literal["draft", "updated", "published"]

#: What a field holds, by its api_key. A localised one holds a mapping from locales (`pt_BR`) to values.
Content: TypeAlias = Mapping[str, Any]

#: Kinds whose values are shown as they are, but for dates.
SCALARS: Final = frozenset(("string", "text", "slug", "integer", "float", "boolean", "date", "date_time"))


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a model. `links`, `blocks` and `inline_blocks` name by api_key what it may hold."""

    api_key: str
    kind: Kind
    localised: bool = False
    links: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()
    inline_blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemType:
    """A model of records, or of blocks where `is_block`. `plural` stands in for that of Rails."""

    api_key: str
    fields: tuple[Field, ...]
    is_block: bool = False
    is_singleton: bool = False
    is_sortable: bool = False
    is_tree: bool = False
    has_drafts: bool = True
    plural: str | None = None

    @property
    def has_position(self) -> bool:
        """Whether its records have a place among their siblings."""
        return self.is_sortable or self.is_tree

    def field(self, api_key: str) -> Field:
        """A field by its api_key. Raises ValueError where there is none."""
        for each in self.fields:
            if each.api_key == api_key:
                return each
        names = ", ".join(each.api_key for each in self.fields)
        raise ValueError(f"{self.api_key} has no field {api_key!r}; its fields are {names}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block within a record: it has an id and stamps of its own."""

    id: str
    type: str
    created: datetime
    updated: datetime
    content: Content


@dataclass(frozen=True, slots=True)
class StructuredText:
    """A DAST document, and the blocks that its nodes name by id. Its links are those that its nodes name."""

    value: Mapping[str, Any]
    blocks: tuple[Block, ...] = ()
    inline_blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class File:
    """An asset in a field, with texts that stand before those of the asset."""

    upload: str
    alt: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Color:
    """A colour; each part is a number from 0 to 255."""

    red: int
    green: int
    blue: int
    alpha: int = 255


@dataclass(frozen=True, slots=True)
class LatLon:
    """A place on earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """An asset. `alt` and `title` are by locale, `path` is where the server has it, `size` is in bytes."""

    id: str
    path: str
    filename: str
    data: bytes = field(repr=False)
    md5: str
    mime_type: str
    created: datetime
    updated: datetime
    width: int | None = None
    height: int | None = None
    alt: Mapping[str, str] = field(default_factory=dict)
    title: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record: what was saved last, and what is published, which may be older or nothing."""

    id: str
    type: str
    created: datetime
    updated: datetime
    content: Content
    published: datetime | None = None
    first_published: datetime | None = None
    published_content: Content | None = None
    #: When what is published was saved.
    published_updated: datetime | None = None
    position: int | None = None
    parent: str | None = None
    is_valid: bool = True

    @property
    def status(self) -> Status:
        """As DatoCMS names it: `updated` is published, and was saved since."""
        if self.published_content is None:
            return "draft"
        # A save makes another mapping, publishing shows the same one.
        return "published" if self.published_content is self.content else "updated"


def values_of(shape: Field, content: Content) -> list[Any]:
    """All values of a field, in every locale; empty ones are left out."""
    value = content.get(shape.api_key)
    values = value.values() if shape.localised and isinstance(value, Mapping) else (value,)
    return [each for each in values if each is not None]


def blocks_in(value: Any) -> tuple[Block, ...]:
    """The blocks that a value holds itself, not those within them."""
    match value:
        case Block():
            return (value,)
        case StructuredText():
            return (*value.blocks, *value.inline_blocks)
        case list() | tuple():
            return tuple(each for each in value if isinstance(each, Block))
    return ()


def linked_in(document: Any) -> Iterator[str]:
    """The ids of the records that a DAST document links to, each time that it does."""
    if isinstance(document, Mapping):
        if document.get("type") in ("itemLink", "inlineItem"):
            yield str(document.get("item"))
        for each in document.values():
            yield from linked_in(each)
    elif isinstance(document, list | tuple):
        for each in document:
            yield from linked_in(each)
