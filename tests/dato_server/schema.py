"""The GraphQL schema of a content model, as DatoCMS makes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLNullableOutputType,
    GraphQLObjectType,
    GraphQLSchema,
)

from tests.dato_server.content import ItemType
from tests.dato_server.filters import filter_type, locales_filter, passes
from tests.dato_server.naming import field_name, plural_name, record_name
from tests.dato_server.orders import order_type, ordered
from tests.dato_server.paging import paged, paging
from tests.dato_server.scalars import BOOLEAN, DATE_TIME, INTEGER, ITEM_ID, STATUS, STRING
from tests.dato_server.shapes import Shapes, many
from tests.dato_server.uploads import file_type, upload_fields
from tests.dato_server.view import Info, Languages, Shown, View

_Resolver = Callable[..., Any]


@lru_cache(maxsize=64)
def build(types: tuple[ItemType, ...], locales: tuple[str, ...]) -> GraphQLSchema:
    """The schema of these models and locales (`pt_BR`)."""
    return _Builder(types, locales).schema()


class _Builder:
    def __init__(self, types: tuple[ItemType, ...], locales: tuple[str, ...]) -> None:
        self.types = types
        self.locales = GraphQLEnumType("SiteLocale", {each: each for each in locales})
        self.languages = {
            "locale": GraphQLArgument(self.locales),
            "fallbackLocales": GraphQLArgument(GraphQLList(GraphQLNonNull(self.locales))),
        }
        self.interface = GraphQLInterfaceType(
            "RecordInterface", self._meta(), resolve_type=lambda shown, *_: shown.type_name
        )
        self.file = file_type(self.languages)
        self.counted = GraphQLObjectType(
            "CollectionMetadata", {"count": GraphQLField(GraphQLNonNull(INTEGER))}
        )
        self.by_locales = locales_filter(self.locales)
        self.records = {each.api_key: self._record(each) for each in types}
        self.shapes = Shapes(self.locales, self.records, self.file, self.languages)

    def schema(self) -> GraphQLSchema:
        fields: dict[str, GraphQLField] = {"_site": self._site()}
        for model in self.types:
            if model.is_singleton:
                fields[field_name(model.api_key)] = self._singleton(model)
            elif not model.is_block:
                fields.update(self._root(model))
        fields.update(upload_fields(self.file, self.counted, self.languages))
        return GraphQLSchema(
            GraphQLObjectType("Query", dict(sorted(fields.items()))), types=list(self.records.values())
        )

    def _record(self, model: ItemType) -> GraphQLObjectType:
        def fields() -> dict[str, GraphQLField]:
            tree = self._tree(model) if model.is_tree else {}
            place = {"position": GraphQLField(INTEGER, resolve=_position)} if model.has_position else {}
            return {**self._meta(), **place, **tree, **self.shapes.fields(model)}

        kind = "Block" if model.is_block else "Record"
        about = f"{kind} of type {model.api_key}"
        return GraphQLObjectType(
            record_name(model.api_key), fields, interfaces=[self.interface], description=about
        )

    def _meta(self) -> dict[str, GraphQLField]:
        needed: Mapping[str, tuple[GraphQLNullableOutputType, _Resolver]] = {
            "id": (ITEM_ID, lambda shown, info: shown.id),
            "_createdAt": (DATE_TIME, _created),
            "_updatedAt": (DATE_TIME, lambda shown, info: _stamp(info, info.context.updated(shown))),
            "_status": (STATUS, lambda shown, info: shown.record.status),
            "_isValid": (BOOLEAN, lambda shown, info: shown.record.is_valid),
            "_modelApiKey": (STRING, lambda shown, info: shown.model.api_key),
        }
        return {
            **{
                name: GraphQLField(GraphQLNonNull(type_), resolve=how)
                for name, (type_, how) in needed.items()
            },
            "_publishedAt": GraphQLField(
                DATE_TIME, resolve=lambda shown, info: _stamp(info, shown.record.published)
            ),
            "_firstPublishedAt": GraphQLField(
                DATE_TIME, resolve=lambda shown, info: _stamp(info, shown.record.first_published)
            ),
            "_locales": GraphQLField(GraphQLList(self.locales), resolve=lambda shown, info: shown.locales),
        }

    def _tree(self, model: ItemType) -> dict[str, GraphQLField]:
        record, own = self.records[model.api_key], (model.api_key,)

        def parent(shown: Shown, info: Info) -> Shown | None:
            view: View = info.context
            return view.find(shown.record.parent, own, shown.languages)

        def children(shown: Shown, info: Info) -> list[Shown]:
            view: View = info.context
            records = view.records(model.api_key, shown.languages)
            below = [each for each in records if each.record.parent == shown.record.id]
            return sorted(below, key=lambda each: each.record.position or 0)

        return {
            "parent": GraphQLField(record, resolve=parent, extensions={"cost": "link"}),
            "children": GraphQLField(many(record), resolve=children, extensions={"cost": "links"}),
        }

    def _site(self) -> GraphQLField:
        locales = GraphQLField(many(self.locales), resolve=lambda *_: list(self.locales.values))
        site = GraphQLObjectType("Site", {"locales": locales})
        return GraphQLField(GraphQLNonNull(site), args=self.languages, resolve=lambda *_: {})

    def _singleton(self, model: ItemType) -> GraphQLField:
        def resolve(_: Any, info: Info, **arguments: Any) -> Shown | None:
            found = info.context.records(model.api_key, _languages(info, arguments))
            return _served(info, found[:1])[0] if found else None

        return GraphQLField(
            self.records[model.api_key],
            args=self.languages,
            resolve=resolve,
            extensions={"cost": "record"},
        )

    def _root(self, model: ItemType) -> dict[str, GraphQLField]:
        record, plural = self.records[model.api_key], plural_name(model)
        filter_ = GraphQLArgument(filter_type(model, self.by_locales))
        order = GraphQLArgument(GraphQLList(order_type(model)))
        chosen = {**self.languages, "filter": filter_, "orderBy": order}

        def matching(info: Info, arguments: Mapping[str, Any]) -> list[Shown]:
            view: View = info.context
            wanted = arguments.get("filter") or {}
            records = view.records(model.api_key, _languages(info, arguments))
            return [each for each in records if passes(wanted, each, view)]

        def listed(info: Info, arguments: Mapping[str, Any]) -> list[Shown]:
            view: View = info.context
            orders = tuple(arguments.get("orderBy") or ())
            key = (model, repr(arguments.get("filter")), orders, _languages(info, arguments))
            if key not in view.lists:
                view.lists[key] = ordered(matching(info, arguments), orders, model, view)
            return view.lists[key]

        def every(_: Any, info: Info, **arguments: Any) -> list[Shown]:
            return _served(info, list(paged(listed(info, arguments), arguments)))

        def one(_: Any, info: Info, **arguments: Any) -> Shown | None:
            found = listed(info, arguments)[:1]
            return _served(info, found)[0] if found else None

        def count(_: Any, info: Info, **arguments: Any) -> dict[str, int]:
            return {"count": len(matching(info, arguments))}

        return {
            field_name(model.api_key): GraphQLField(
                record, args=chosen, resolve=one, extensions={"cost": "record"}
            ),
            f"all{plural}": GraphQLField(
                many(record),
                args={**chosen, **paging()},
                resolve=every,
                extensions={"cost": "collection"},
            ),
            f"_all{plural}Meta": GraphQLField(
                GraphQLNonNull(self.counted),
                args={"locale": self.languages["locale"], "filter": filter_},
                resolve=count,
                extensions={"cost": "meta"},
            ),
        }


def _served(info: Info, records: list[Shown]) -> list[Shown]:
    info.context.served.extend(each.record.id for each in records)
    return records


def _languages(info: Info, arguments: Mapping[str, Any]) -> Languages:
    view: View = info.context
    return view.languages.asked(arguments.get("locale"), arguments.get("fallbackLocales"))


def _stamp(info: Info, at: Any) -> str | None:
    return None if at is None else info.context.behaviour.stamp(at)


def _created(shown: Shown, info: Info) -> str | None:
    return _stamp(info, shown.block.created if shown.block else shown.record.created)


def _position(shown: Shown, info: Info) -> int | None:
    return shown.record.position
