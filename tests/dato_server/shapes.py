"""The types of a model's fields in GraphQL, and how their values are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLUnionType,
)

from tests.dato_server.content import Field, ItemType
from tests.dato_server.naming import camelized, field_name
from tests.dato_server.scalars import BOOLEAN, DATE, DATE_TIME, FLOAT, INTEGER, JSON, STRING
from tests.dato_server.view import Info, Languages, Shown, View

#: What a field costs beyond the 1 of all others, see complexity.py.
COSTS: Final = {
    "link": "link",
    "single_block": "link",
    "file": "link",
    "links": "links",
    "rich_text": "links",
    "gallery": "links",
}

_SIMPLE: Final[Mapping[str, GraphQLScalarType]] = {
    "string": STRING,
    "text": STRING,
    "slug": STRING,
    "integer": INTEGER,
    "float": FLOAT,
    "boolean": BOOLEAN,
    "date": DATE,
    "date_time": DATE_TIME,
    "json": JSON,
}


def many(type_: GraphQLOutputType) -> GraphQLNonNull[Any]:
    """`[type_!]!`."""
    return GraphQLNonNull(GraphQLList(GraphQLNonNull(type_)))


class Shapes:
    """Makes the GraphQL fields of models; each type is made once."""

    def __init__(
        self,
        locales: GraphQLEnumType,
        records: Mapping[str, GraphQLObjectType],
        file: GraphQLObjectType,
        languages: dict[str, GraphQLArgument],
    ) -> None:
        self.locales = locales
        self.records = records
        self.languages = languages
        self._multi: dict[str, GraphQLObjectType] = {}
        color: dict[str, GraphQLOutputType] = dict.fromkeys(("red", "green", "blue", "alpha"), INTEGER)
        self._types: dict[str, GraphQLOutputType] = {
            **_SIMPLE,
            "color": _plain("ColorField", {**color, "hex": STRING, "cssRgb": STRING}),
            "lat_lon": _plain("LatLonField", {"latitude": FLOAT, "longitude": FLOAT}),
            "file": file,
            "gallery": many(file),
        }

    def fields(self, model: ItemType) -> dict[str, GraphQLField]:
        """The fields of a model, and `_all<Field>Locales` of the localised ones."""
        found: dict[str, GraphQLField] = {}
        for shape in model.fields:
            type_ = self._type(model, shape)
            found[field_name(shape.api_key)] = GraphQLField(
                type_,
                args=self.languages if shape.localised else None,
                resolve=_resolver(shape),
                extensions={"cost": COSTS.get(shape.kind, "")},
            )
            if shape.localised:
                found[f"_all{camelized(shape.api_key)}Locales"] = self._every_locale(shape, type_)
        return found

    def _type(self, model: ItemType, shape: Field) -> GraphQLOutputType:
        name = f"{camelized(model.api_key)}Model{camelized(shape.api_key)}"
        match shape.kind:
            case "link":
                return self._one_of(shape.links, f"{name}Field")
            case "links":
                return many(self._one_of(shape.links, f"{name}Field"))
            case "single_block":
                return self._one_of(shape.blocks, f"{name}Field")
            case "rich_text":
                return many(self._one_of(shape.blocks, f"{name}Field"))
            case "structured_text":
                return self._structured_text(shape, name)
        return self._types[shape.kind]

    def _structured_text(self, shape: Field, name: str) -> GraphQLObjectType:
        parts = {"blocks": shape.blocks, "inlineBlocks": shape.inline_blocks, "links": shape.links}
        fields = {
            part: GraphQLField(
                many(self._one_of(allowed, f"{name}{part[0].upper()}{part[1:]}Field")),
                extensions={"cost": "links"},
            )
            for part, allowed in parts.items()
        }
        return GraphQLObjectType(f"{name}Field", {"value": GraphQLField(GraphQLNonNull(JSON)), **fields})

    def _one_of(self, allowed: tuple[str, ...], name: str) -> GraphQLOutputType:
        """The type itself where one is allowed, else a union; a string where nothing can be there."""
        types = [self.records[each] for each in allowed]
        if not types:
            return STRING
        if len(types) == 1:
            return types[0]
        return GraphQLUnionType(name, types, resolve_type=lambda shown, *_: shown.type_name)

    def _every_locale(self, shape: Field, type_: GraphQLOutputType) -> GraphQLField:
        name = _name_of(type_)
        if name not in self._multi:
            fields = {"locale": GraphQLField(self.locales), "value": GraphQLField(type_)}
            self._multi[name] = GraphQLObjectType(f"{name}MultiLocaleField", fields)

        def resolve(shown: Shown, info: Info) -> list[dict[str, Any]]:
            view: View = info.context
            values: Mapping[str, Any] = shown.content.get(shape.api_key) or {}
            return [
                {"locale": locale, "value": view.presented(shown, shape, value, Languages(locale))}
                for locale, value in values.items()
            ]

        is_list = isinstance(type_, GraphQLNonNull)
        return GraphQLField(
            GraphQLList(GraphQLNonNull(self._multi[name])),
            resolve=resolve,
            extensions={"cost": "links" if is_list else ""},
        )


def _resolver(shape: Field) -> Callable[..., Any]:
    def resolve(shown: Shown, info: Info, locale: str | None = None, fallbackLocales: Any = None) -> Any:
        view: View = info.context
        return view.value(shown, shape, shown.languages.asked(locale, fallbackLocales))

    return resolve


def _plain(name: str, fields: Mapping[str, GraphQLOutputType]) -> GraphQLObjectType:
    return GraphQLObjectType(name, {key: GraphQLField(type_) for key, type_ in fields.items()})


def _name_of(type_: Any) -> str:
    """`StringMultiLocaleField` and `XRecordListListNonNullMultiLocaleField` are called so."""
    if isinstance(type_, GraphQLNonNull):
        return f"{type_.of_type.of_type.of_type.name}ListListNonNull"
    return str(type_.name)
