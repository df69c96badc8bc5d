"""What a project writes in dato_sync.py, as django-dato-sync documents it, and beyond."""

from __future__ import annotations

from typing import Any

import pytest

from modelsync.core.errors import ConfigurationError
from modelsync.dato.declaring import (
    FieldMapping,
    SyncOptions,
    Taken,
    flattened_position,
    from_dato_path,
    mappings_of,
    position_in_parent,
)


def options(*mappings: Any) -> type[SyncOptions]:
    """Options with these mappings."""
    return type("Options", (SyncOptions,), {"dato_model_path": "my_model", "field_mappings": list(mappings)})


def test_names_and_suffixes() -> None:
    """All that is documented."""
    given = options(
        "name",
        "title" | from_dato_path("my_model.seo.title", localized=True, absolute=True),
        "tags" | from_dato_path("tags.name"),
        "order" | position_in_parent,
        "place" | flattened_position,
    )
    assert mappings_of(given) == (
        FieldMapping(field="name", path=("name",)),
        FieldMapping(field="title", path=("my_model", "seo", "title"), is_localized=True, is_absolute=True),
        FieldMapping(field="tags", path=("tags", "name")),
        FieldMapping(field="order", taken=Taken.POSITION),
        FieldMapping(field="place", taken=Taken.FLATTENED),
    )


@pytest.mark.parametrize(
    ("mappings", "said"),
    [
        (["name", "name" | from_dato_path("title")], "maps 'name' twice"),
        (["a.b"], "write its name, or"),
        ([3], "3 is no field"),
        ([""], "'' is no path"),
        ([("name", "title")], "is no field"),
    ],
)
def test_what_is_no_mapping(mappings: list[Any], said: str) -> None:
    """The error says which, and what to write."""
    with pytest.raises(ConfigurationError, match=said):
        mappings_of(options(*mappings))


@pytest.mark.parametrize("path", ["", "a..b", ".a", "a b", "a-b", "a.", None, "3d"])
def test_what_is_no_path(path: Any) -> None:
    """It is said at once, where it stands."""
    with pytest.raises(ConfigurationError, match="is no path"):
        from_dato_path(path)


def test_an_absolute_path_starts_with_the_model() -> None:
    """Its name alone leads to no field."""
    with pytest.raises(ConfigurationError, match=r"as in 'title\.title'"):
        from_dato_path("title", absolute=True)
