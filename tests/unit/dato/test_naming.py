"""Names of the CMS."""

from __future__ import annotations

import pytest

from modelsync.core.errors import ConfigurationError
from modelsync.dato.naming import field_name, locale_of, suffix_of, type_name


@pytest.mark.parametrize(
    ("api_key", "name"),
    [
        ("title", "title"),
        ("hero_image", "heroImage"),
        ("heroImage", "heroImage"),
        ("heading_2", "heading2"),
        ("a_b_c", "aBC"),
        ("_updated_at", "_updatedAt"),
        ("_updatedAt", "_updatedAt"),
        ("_createdAt", "_createdAt"),
        ("content_blocks", "contentBlocks"),
    ],
)
def test_fields(api_key: str, name: str) -> None:
    """Camel case; what the API calls so already stays."""
    assert field_name(api_key) == name


@pytest.mark.parametrize(
    ("api_key", "name"),
    [("blog_post", "BlogPostRecord"), ("faq", "FaqRecord"), ("homePage", "HomePageRecord")],
)
def test_types(api_key: str, name: str) -> None:
    """They end in Record."""
    assert type_name(api_key) == name


@pytest.mark.parametrize(
    ("language", "locale"), [("de", "de"), ("pt-br", "pt_BR"), ("pt_BR", "pt_BR"), ("zh-hans", "zh_Hans")]
)
def test_locales(language: str, locale: str) -> None:
    """Django's codes, whatever their case."""
    assert locale_of(language, ["en", "de", "pt_BR", "zh_Hans"]) == locale


def test_a_language_that_the_cms_does_not_have() -> None:
    """The error says which it has."""
    with pytest.raises(ConfigurationError, match=r"no locale for the language 'pt': it has de, pt_BR"):
        locale_of("pt", ["pt_BR", "de"])


def test_suffixes() -> None:
    """As django-modeltranslation has them."""
    assert [suffix_of(each) for each in ("de", "pt-br", "zh_Hans")] == ["de", "pt_br", "zh_hans"]
