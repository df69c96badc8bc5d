"""Fields that are left out or masked, and what the system check says."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from modelsync.core.errors import ConfigurationError
from modelsync.routing import Route
from modelsync.serving.checks import check_route, check_routes
from tests.blog.models import Blog, Category, Member, Post, Review
from tests.integration.serving.asking import array, ask, lines, objects

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> Member:
    return Member.objects.create(email="a@example.com", password="secret")


def served(read: Any, label: str, **options: Any) -> dict[str, Any]:
    """The fields of the only object."""
    (found,) = read(Route(api_token="token", **options).app("x", label))
    fields: dict[str, Any] = found.get("fields", found)
    return fields


@pytest.mark.parametrize("read", [array, objects])
def test_an_excluded_field_is_not_there(member: Member, read: Any) -> None:
    """Neither its value nor its name."""
    fields = served(read, "blog.Member", exclude={"blog.Member": ["password"]})
    assert "password" not in fields
    assert fields["email"] == "a@example.com"


@pytest.mark.parametrize("read", [array, objects])
def test_a_masked_field_is_what_the_mask_makes_of_it(member: Member, read: Any) -> None:
    """NULL stays."""
    masks = {"blog.Member.email": str.upper, "blog.member.last_login": lambda value: 1 / 0}
    fields = served(read, "blog.Member", mask=masks, passwords=True)
    assert fields["email"] == "A@EXAMPLE.COM"
    assert fields["last_login"] is None
    assert Member.objects.get().email == "a@example.com"


@pytest.mark.parametrize("read", [array, objects])
def test_masks_see_values_of_python(read: Any) -> None:
    """Of JSON, decimals and references as well."""
    blog = Blog.objects.create(slug="x")
    post = Post.objects.create(blog=blog, slug="p", meta={"secret": 1}, rating="2.50")
    post.categories.set([Category.objects.create(slug="c")])
    fields = served(
        read,
        "blog.Post",
        mask={
            "blog.Post.meta": sorted,
            "blog.Post.rating": lambda rating: rating * 2,
            "blog.Post.blog": lambda key: key + 1000,
        },
        exclude={"blog.Post": ["categories"]},
    )
    assert fields["meta"] in (["secret"], '["secret"]')
    assert fields["rating"] == "5.00"
    assert fields["blog"] == blog.pk + 1000
    assert "categories" not in fields


def test_an_inherited_field_is_hidden_where_it_is() -> None:
    """In the rows of the parent."""
    blog = Blog.objects.create(slug="x")
    Review.objects.create(blog=blog, slug="r", title="Hidden", score=1)
    view = Route(api_token="token", exclude={"blog.Review": ["title"]}).app("x", "blog.Review")
    assert all("title" not in found for found in objects(view))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exclude": {"blog.Membr": ["x"]}}, "no model 'blog.Membr'; did you mean 'blog.Member'"),
        ({"exclude": {"blog.Member": ["pasword"]}}, "no field 'pasword'; did you mean 'password'"),
        ({"exclude": {"blog.Member": "password"}}, "must be a list"),
        ({"exclude": {"blog.Member": ["id"]}}, "primary key"),
        ({"exclude": {"blog.Blog": ["posts"]}}, "no field 'posts'"),
        ({"mask": {"blog.Member.emial": str}}, "no field 'emial'; did you mean 'email'"),
        ({"mask": {"email": str}}, "no model"),
        ({"mask": {"blog.Member.email": "x"}}, "must be a function"),
        ({"mask": {"blog.Post.categories": str}}, "many-to-many"),
    ],
)
def test_unknown_names_are_told_with_the_nearest(options: Any, message: str) -> None:
    """By the check, and by the first request."""
    route = Route(api_token="token", **options)
    view = route.app("x", "blog.Member")
    with pytest.raises(ConfigurationError, match=message):
        ask(view)
    (error,) = check_route(route)
    assert error.id == "modelsync.E301"


@pytest.mark.parametrize(
    ("label", "message"), [("blgo", "did you mean 'blog'"), ("blog.Pots", "did you mean 'blog.Post'")]
)
def test_an_unknown_label_is_told_with_the_nearest(label: str, message: str) -> None:
    """Of an app or a model."""
    route = Route(api_token="token")
    view = route.app("x", label)
    with pytest.raises(ConfigurationError, match=message):
        ask(view)
    assert [error.id for error in check_route(route)] == ["modelsync.E301"]


def test_the_check_warns_of_passwords() -> None:
    """Unless they are hidden, or said to be meant."""
    route = Route(api_token="token")
    route.app("people", "blog")
    (warning,) = check_route(route)
    assert warning.id == "modelsync.W301"
    assert "blog.Member.password" in warning.msg
    for options in (
        {"passwords": True},
        {"exclude": {"blog.Member": ["password"]}},
        {"mask": {"blog.Member.password": lambda value: "!"}},
    ):
        fine = Route(api_token="token", **options)  # type: ignore[arg-type]  # a mixed dict
        fine.app("people", "blog")
        assert check_route(fine) == []


def test_the_check_tells_of_a_missing_token(settings: Any) -> None:
    """Before anybody asks."""
    settings.SYNCTOOL_API_TOKEN = None
    route = Route()
    route.app("x", "blog.Blog")
    (warning,) = check_route(route)
    assert warning.id == "modelsync.W302"
    assert "SYNCTOOL_API_TOKEN" in warning.msg
    assert str(warning.obj) == "Route('x')"
    assert warning in check_routes()


def test_a_function_that_serves_passwords_is_logged_once(
    member: Member, caplog: pytest.LogCaptureFixture
) -> None:
    """Its models are known only when it is called."""
    view = Route(api_token="token").queryset("x")(Member.objects.all)
    with caplog.at_level(logging.WARNING):
        lines(view)
        lines(view)
    (record,) = caplog.records
    assert record.field_path == "blog.Member.password"  # type: ignore[attr-defined]  # from `extra`
    assert "secret" not in caplog.text
