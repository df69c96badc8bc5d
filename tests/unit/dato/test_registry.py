"""Options and models that do not fit are told at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models
from django.test.utils import isolate_apps

from modelsync.core.errors import ConfigurationError
from modelsync.dato import SyncOptions, fetch_from_dato, from_dato_path, position_in_parent
from modelsync.dato.models import DatoModel
from modelsync.dato.registry import _JOBS, jobs


@pytest.fixture(autouse=True)
def _languages(settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("pt-br", "Português")]


@pytest.fixture(autouse=True)
def _others() -> Iterator[None]:
    """Jobs of other tests are none of ours."""
    before = dict(_JOBS)
    _JOBS.clear()
    yield
    _JOBS.clear()
    _JOBS.update(before)


@pytest.fixture
def model() -> Any:
    """A model with a local field, and a text in two languages without a base field."""
    with isolate_apps("tests.hub"):

        class Page(DatoModel):
            name = models.TextField()
            order = models.IntegerField()
            note = models.TextField()
            author = models.ForeignKey("self", null=True, on_delete=models.CASCADE)
            text_en = models.TextField()
            text_pt_br = models.TextField()

            class Meta:
                app_label = "hub"

        return Page


def options(path: str, *mappings: Any) -> type[SyncOptions]:
    """Options with these."""
    return type("PageOptions", (SyncOptions,), {"dato_model_path": path, "field_mappings": list(mappings)})


def test_jobs_come_in_their_order(model: Any) -> None:
    """Several of one model, too; the options are given back."""
    first = options("page.sections.quotes", "name", "order" | position_in_parent, "author_id")
    second = type("Others", (SyncOptions,), {"dato_model_path": "news", "field_mappings": ["name"]})
    assert fetch_from_dato(model)(first) is first
    fetch_from_dato(model)(second)
    found = jobs()
    assert [(job.record, job.blocks, job.model) for job in found] == [
        ("page", ("sections", "quotes"), model),
        ("news", (), model),
    ]
    assert found[0].name.endswith(".PageOptions")


def test_languages_need_no_base_field(model: Any) -> None:
    """Fields of the languages are enough, if they are said to be localised."""
    fetch_from_dato(model)(options("page", "text" | from_dato_path("text", localized=True)))
    with pytest.raises(ConfigurationError, match="has no field 'text'; did you mean 'text_en'"):
        fetch_from_dato(model)(options("page", "text"))


@pytest.mark.parametrize(
    ("path", "mapping", "said"),
    [
        ("page", "nane", "Page has no field 'nane'; did you mean 'name'"),
        ("page", "modified", "'modified' is filled by itself"),
        ("page.", "name", "dato_model_path: 'page.' is no path"),
        ("", "name", "dato_model_path: '' is no path"),
        ("page.a", "name" | from_dato_path("pages.title", absolute=True), "must start as .* with 'page'"),
    ],
)
def test_what_does_not_fit(model: Any, path: str, mapping: Any, said: str) -> None:
    """The error names the options and the place."""
    with pytest.raises(ConfigurationError, match=rf"PageOptions.*{said}"):
        fetch_from_dato(model)(options(path, mapping))
    assert jobs() == []


def test_absolute_paths_may_be_in_either_case(model: Any) -> None:
    """The API has camel case, projects mostly have the key."""
    fetch_from_dato(model)(options("blog_post", "name" | from_dato_path("blogPost.title", absolute=True)))
    fetch_from_dato(model)(options("blog_post", "name" | from_dato_path("blog_post.title", absolute=True)))


@pytest.mark.parametrize("given", [object, 3])
def test_what_is_decorated(model: Any, given: Any) -> None:
    """Options, for models that inherit from DatoModel."""
    with pytest.raises(ConfigurationError, match="inherit from SyncOptions"):
        fetch_from_dato(model)(given)
    with pytest.raises(ConfigurationError, match="must inherit from DatoModel"):
        fetch_from_dato(models.Model)(options("page", "name"))  # type: ignore[type-var]
