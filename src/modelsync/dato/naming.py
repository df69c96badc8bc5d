"""How the CMS names things: fields, types and languages.

The rules are those of DatoCMS's Content Delivery API: fields are in camel case, types end in `Record`,
locales have underscores.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from modelsync.core.errors import ConfigurationError


def field_name(api_key: str) -> str:
    """The name of a field in the API: `hero_image` is `heroImage`; what is in camel case already stays.

    An underscore in front belongs to the API's own fields and stays, too: `_updated_at` is `_updatedAt`.
    """
    bare = api_key.lstrip("_")
    first, *others = bare.split("_")
    joined = first + "".join(each[:1].upper() + each[1:] for each in others)
    return api_key[: len(api_key) - len(bare)] + joined


def type_name(api_key: str) -> str:
    """The name of the type of a model's records: `blog_post` is `BlogPostRecord`."""
    name = field_name(api_key)
    return f"{name[:1].upper()}{name[1:]}Record"


def locale_of(language: str, locales: Iterable[str]) -> str:
    """What the CMS calls a language of Django: `pt-br` is `pt_BR`.

    Raises ConfigurationError where it does not have it; `locales` are those that it has.
    """
    known = {_plain(locale): locale for locale in locales}
    found = known.get(_plain(language))
    if found is None:
        near = get_close_matches(_plain(language), known, n=1)
        hint = f"; did you mean {known[near[0]]}?" if near else ""
        there = ", ".join(sorted(known.values())) or "none"
        raise ConfigurationError(f"the CMS has no locale for the language {language!r}: it has {there}{hint}")
    return found


def suffix_of(language: str) -> str:
    """What fields of a language end in here, as django-modeltranslation has it: `pt-br` is `pt_br`."""
    return language.replace("-", "_").lower()


def _plain(code: str) -> str:
    return code.replace("-", "_").lower()
