"""The schema: names, types and arguments are those that DatoCMS makes of a content model."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_client_schema,
    get_introspection_query,
    get_named_type,
    print_schema,
)

from tests.dato_server import Field, ItemType, Site
from tests.integration.dato_server.asking import Client, asking


def introspected(client: Client) -> GraphQLSchema:
    """The schema as a client can know it."""
    return build_client_schema(client.ask(get_introspection_query()))  # type: ignore[arg-type]  # as JSON


def fields(schema: GraphQLSchema, name: str) -> dict[str, str]:
    """The fields of a type, and their types as GraphQL writes them."""
    found = schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)
    return {key: str(each.type) for key, each in found.fields.items()}


@pytest.mark.parametrize(
    ("api_key", "plural", "record"),
    [
        ("blog_post", "allBlogPosts", "BlogPostRecord"),
        ("category", "allCategories", "CategoryRecord"),
        ("news", "allNews", "NewsRecord"),
        ("person", "allPeople", "PersonRecord"),
        ("hero", "allHeros", "HeroRecord"),
        ("section_2", "allSection2s", "Section2Record"),
    ],
)
def test_root_fields_have_the_plurals_of_rails(api_key: str, plural: str, record: str) -> None:
    """Each model has its singular, its list and the count of it."""
    with asking(Site([ItemType(api_key, (Field("name", "string"),))])) as client:
        root = fields(introspected(client), "Query")
    singular = record[0].lower() + record.removesuffix("Record")[1:]
    assert root[singular] == record
    assert root[plural] == f"[{record}!]!"
    assert root[f"_{plural}Meta"] == "CollectionMetadata!"


def test_a_plural_can_be_set() -> None:
    """As one that no library knows."""
    with asking(Site([ItemType("octopus", (), plural="octopodes")])) as client:
        assert "allOctopodes" in fields(introspected(client), "Query")


def test_singletons_and_blocks_have_no_lists(client: Client) -> None:
    """A singleton has its singular, blocks have nothing."""
    root = fields(introspected(client), "Query")
    assert root["homePage"] == "HomePageRecord"
    assert not [name for name in root if "HomePages" in name or "Block" in name]


def test_fields_have_the_types_of_their_kinds(client: Client) -> None:
    """One allowed type is a plain object, several are a union, lists hold no null."""
    schema = introspected(client)
    post = fields(schema, "BlogPostRecord")
    assert {key: post[key] for key in post if not key.startswith("_")} == {
        "id": "ItemId!",
        "title": "String",
        "slug": "String",
        "rating": "IntType",
        "weight": "FloatType",
        "isFeatured": "BooleanType",
        "day": "Date",
        "startsAt": "DateTime",
        "extra": "JsonField",
        "paint": "ColorField",
        "place": "LatLonField",
        "author": "AuthorRecord",
        "related": "[BlogPostModelRelatedField!]!",
        "coverImage": "FileField",
        "pictures": "[FileField!]!",
        "lead": "TextBlockRecord",
        "content": "[BlogPostModelContentField!]!",
        "notes": "[TextBlockRecord!]!",
        "body": "BlogPostModelBodyField",
    }
    union = get_named_type(schema.type_map["BlogPostModelContentField"])
    assert isinstance(union, GraphQLUnionType)
    assert {each.name for each in union.types} == {"TextBlockRecord", "QuoteBlockRecord"}
    assert fields(schema, "BlogPostModelBodyField") == {
        "value": "JsonField!",
        "blocks": "[QuoteBlockRecord!]!",
        "inlineBlocks": "[TextBlockRecord!]!",
        "links": "[BlogPostModelBodyLinksField!]!",
    }


def test_every_record_has_its_meta_fields(client: Client) -> None:
    """Blocks too; places only where there are places."""
    schema = introspected(client)
    meta = {
        "_createdAt": "DateTime!",
        "_updatedAt": "DateTime!",
        "_publishedAt": "DateTime",
        "_firstPublishedAt": "DateTime",
        "_status": "ItemStatus!",
        "_isValid": "BooleanType!",
        "_locales": "[SiteLocale]",
        "_modelApiKey": "String!",
    }
    for name in ("BlogPostRecord", "TextBlockRecord", "HomePageRecord", "CategoryRecord"):
        assert meta.items() <= fields(schema, name).items()
    tree = {"parent": "CategoryRecord", "children": "[CategoryRecord!]!", "position": "IntType"}
    assert tree.items() <= fields(schema, "CategoryRecord").items()
    assert fields(schema, "TaskRecord")["position"] == "IntType"
    assert "parent" not in fields(schema, "TaskRecord")
    assert "position" not in fields(schema, "AuthorRecord")


def test_only_localised_fields_know_locales(client: Client) -> None:
    """`locale:` on another field is an error, and it has no `_all...Locales`."""
    schema = introspected(client)
    post: Any = schema.type_map["BlogPostRecord"]
    assert set(post.fields["title"].args) == {"locale", "fallbackLocales"}
    assert set(post.fields["slug"].args) == set()
    assert {name for name in post.fields if name.startswith("_all")} == {
        "_allTitleLocales",
        "_allContentLocales",
    }
    assert str(post.fields["_allTitleLocales"].type) == "[StringMultiLocaleField!]"
    assert "Unknown argument 'locale'" in client.error("{ allBlogPosts { slug(locale: de) } }")


def test_lists_take_all_arguments(client: Client) -> None:
    """And their names for orders are those of fields."""
    schema = introspected(client)
    root: Any = schema.type_map["Query"]
    every = {"locale", "fallbackLocales", "filter", "orderBy", "first", "skip"}
    assert set(root.fields["allBlogPosts"].args) == every
    assert "first: IntType = 20" in print_schema(schema)
    orders: Any = schema.type_map["BlogPostModelOrderBy"]
    assert {"id_ASC", "id_DESC", "_updatedAt_DESC", "startsAt_ASC", "title_ASC"} <= set(orders.values)
    assert "position_ASC" not in orders.values
    sorted_: Any = schema.type_map["TaskModelOrderBy"]
    assert "position_ASC" in sorted_.values


def test_locales_have_underscores(client: Client) -> None:
    """`pt_BR`, in the enum and in what the site says of itself."""
    locales: Any = introspected(client).type_map["SiteLocale"]
    assert set(locales.values) == {"en", "de", "pt_BR"}
    assert client.ask("{ _site { locales } }") == {"_site": {"locales": ["en", "de", "pt_BR"]}}


def test_structured_text_that_allows_nothing_has_strings() -> None:
    """As an empty union cannot be."""
    with asking(Site([ItemType("page", (Field("body", "structured_text"),))])) as client:
        found = fields(introspected(client), "PageModelBodyField")
    assert found == {
        "value": "JsonField!",
        "blocks": "[String!]!",
        "inlineBlocks": "[String!]!",
        "links": "[String!]!",
    }


def test_a_changed_model_changes_the_schema(client: Client) -> None:
    """From the next request on."""
    assert "age" in client.error("{ allAuthors { age } }")
    client.server.site.define(ItemType("author", (Field("name", "string"), Field("age", "integer"))))
    client.edit.create("author", {"name": "Ada", "age": 36})
    assert client.ask("{ allAuthors { age } }") == {"allAuthors": [{"age": 36}]}
