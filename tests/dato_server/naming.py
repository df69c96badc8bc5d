"""How DatoCMS names in GraphQL what has an api_key. Plurals are those of Rails."""

from __future__ import annotations

import inflection

from tests.dato_server.content import ItemType


def camelized(api_key: str) -> str:
    """`blog_post` is `BlogPost`."""
    return "".join(each[:1].upper() + each[1:] for each in api_key.split("_"))


def field_name(api_key: str) -> str:
    """`cover_image` is `coverImage`."""
    name = camelized(api_key)
    return name[:1].lower() + name[1:]


def record_name(api_key: str) -> str:
    """The type of the records of a model."""
    return f"{camelized(api_key)}Record"


def plural_name(type_: ItemType) -> str:
    """`blog_post` is `BlogPosts`."""
    return camelized(type_.plural or inflection.pluralize(type_.api_key))
