"""What the CMS has: its types and fields, as the API tells of them by introspection.

Names are never guessed: the field for all records of a model is the one that gives a list of its type,
whatever its plural may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
)

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.dato.naming import field_name, type_name

#: The query that `Schema.of` takes the answer of.
INTROSPECTION: Final = get_introspection_query(descriptions=False)
_RECORD: Final = "Record"
_LOCALES: Final = "SiteLocale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """Where the records of a model are: the field for all of them, or, of a single instance, for the one."""

    type: str
    field: str
    meta: str = ""

    @property
    def is_single(self) -> bool:
        """Whether there is one record at the most."""
        return not self.meta


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldInfo:
    """A field of a type.

    `types` are the names of what it gives: one, or several of a union; `is_scalar` says that it has no
    fields of its own.
    """

    name: str
    types: tuple[str, ...]
    is_list: bool
    is_localized: bool
    is_scalar: bool


class Schema:
    """The schema of a project. Raises Permanent for an introspection that is none."""

    def __init__(self, introspection: Mapping[str, Any]) -> None:
        self.introspection = introspection
        try:
            self.graphql: GraphQLSchema = build_client_schema(introspection)  # type: ignore[arg-type]  # as it came
        except TypeError as error:
            raise Permanent(f"DatoCMS does not tell its schema: {error}") from error

    @cached_property
    def locales(self) -> tuple[str, ...]:
        """The locales of the project; none where it has only fields without languages."""
        found = self.graphql.type_map.get(_LOCALES)
        return tuple(found.values) if isinstance(found, GraphQLEnumType) else ()

    @cached_property
    def roots(self) -> Mapping[str, Root]:
        """Where the records of each type are, by the name of the type."""
        query = self.graphql.query_type
        fields = query.fields if query else {}
        single: dict[str, Root] = {}
        found: dict[str, Root] = {}
        for name, field in fields.items():
            named = get_named_type(field.type)
            if not (isinstance(named, GraphQLObjectType) and named.name.endswith(_RECORD)):
                continue
            if _is_list(field.type):
                found[named.name] = Root(type=named.name, field=name, meta=f"_{name}Meta")
            else:
                single[named.name] = Root(type=named.name, field=name)
        return {**single, **found}

    def root(self, api_key: str) -> Root:
        """Where the records of a model are; raises ConfigurationError for one that is not there."""
        name = type_name(api_key)
        root = self.roots.get(name)
        if root is not None:
            return root
        if isinstance(self.graphql.type_map.get(name), GraphQLObjectType):
            raise ConfigurationError(
                f"{api_key!r} is a block of the CMS, it has no records of its own; start dato_model_path "
                f"with the model that has such blocks, as in 'page.{field_name(api_key)}'"
            )
        raise ConfigurationError(f"the CMS has no model {api_key!r}; {_meant(name, list(self.roots))}")

    def field(self, type_name: str, api_key: str) -> FieldInfo:
        """A field of a type, by its API key or the API's name; raises ConfigurationError."""
        fields = self._fields(type_name)
        name = field_name(api_key)
        if name not in fields:
            raise ConfigurationError(
                f"{type_name} of the CMS has no field {api_key!r}; {_meant(name, list(fields))}"
            )
        field = fields[name]
        named = get_named_type(field.type)
        return FieldInfo(
            name=name,
            types=_types(named),
            is_list=_is_list(field.type),
            is_localized=f"_all{name[:1].upper()}{name[1:]}Locales" in fields,
            is_scalar=not isinstance(named, (GraphQLObjectType, GraphQLUnionType)),
        )

    def has_field(self, type_name: str, name: str) -> bool:
        """Whether a type has a field of this name of the API."""
        return name in self._fields(type_name)

    def _fields(self, type_name: str) -> Mapping[str, GraphQLField]:
        found = self.graphql.type_map.get(type_name)
        return found.fields if isinstance(found, GraphQLObjectType) else {}


def _is_list(given: GraphQLOutputType) -> bool:
    return isinstance(get_nullable_type(given), GraphQLList)


def _types(named: GraphQLNamedType) -> tuple[str, ...]:
    return tuple(each.name for each in named.types) if isinstance(named, GraphQLUnionType) else (named.name,)


def _meant(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f"did you mean {_key(near[0])!r}?"
    return f"it has {', '.join(sorted(map(_key, known))) or 'none'}"


def _key(name: str) -> str:
    """The API key that a name of the API stands for, as people write it."""
    bare = name.removesuffix(_RECORD) if name[:1].isupper() else name
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in bare).lstrip("_") or name
