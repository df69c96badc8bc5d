"""What introspection tells, and what is said of what is not there."""

from __future__ import annotations

import pytest

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.dato.datocms.client import DatoClient
from modelsync.dato.datocms.schema import INTROSPECTION, FieldInfo, Root, Schema


@pytest.fixture
def schema(client: DatoClient) -> Schema:
    """That of the demo site."""
    return Schema(client.ask(INTROSPECTION))


def test_roots(schema: Schema) -> None:
    """Whatever the plural, and of a single instance the only one."""
    found = [schema.root(key) for key in ("category", "blog_post", "blogPost", "home_page")]
    assert found == [
        Root(type="CategoryRecord", field="allCategories", meta="_allCategoriesMeta"),
        *[Root(type="BlogPostRecord", field="allBlogPosts", meta="_allBlogPostsMeta")] * 2,
        Root(type="HomePageRecord", field="homePage"),
    ]
    assert [root.is_single for root in found] == [False, False, False, True]


def test_fields(schema: Schema) -> None:
    """Languages, links, unions of blocks."""

    def info(name: str, *types: str, **given: bool) -> FieldInfo:
        values = {"is_list": False, "is_localized": False, "is_scalar": False, **given}
        return FieldInfo(name=name, types=types, **values)

    assert schema.field("BlogPostRecord", "title") == info(
        "title", "String", is_localized=True, is_scalar=True
    )
    assert schema.field("BlogPostRecord", "is_featured") == info("isFeatured", "BooleanType", is_scalar=True)
    assert schema.field("BlogPostRecord", "author") == info("author", "AuthorRecord")
    assert schema.field("BlogPostRecord", "categories") == info("categories", "CategoryRecord", is_list=True)
    content = schema.field("BlogPostRecord", "content")
    assert (content.is_list, set(content.types)) == (True, {"TextBlockRecord", "ImageBlockRecord"})
    assert schema.has_field("CategoryRecord", "position")
    assert not schema.has_field("BlogPostRecord", "position")
    assert set(schema.locales) == {"en", "de", "pt_BR"}


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("blog_pots", "the CMS has no model 'blog_pots'; did you mean 'blog_post'"),
        ("zzz", "the CMS has no model 'zzz'; it has author, blog_post, category, home_page"),
        ("text_block", "is a block of the CMS"),
    ],
)
def test_models_that_are_not_there(schema: Schema, key: str, said: str) -> None:
    """What was meant, or what there is."""
    with pytest.raises(ConfigurationError, match=said):
        schema.root(key)


def test_fields_that_are_not_there(schema: Schema) -> None:
    """What was meant."""
    with pytest.raises(ConfigurationError, match="has no field 'is_feature'; did you mean 'is_featured'"):
        schema.field("BlogPostRecord", "is_feature")


def test_what_is_no_introspection() -> None:
    """It is the CMS's fault."""
    with pytest.raises(Permanent, match="does not tell its schema"):
        Schema({"nothing": 1})
