"""A route as django-synctool documents it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core import serializers
from django.core.management import call_command
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.test import Client
from django.urls import include, path

from modelsync.routing import Route
from tests.blog.models import Blog, Category, Member, Post
from tests.integration.serving.asking import NDJSON, array, ask, basic, body, lines, objects

pytestmark = [pytest.mark.django_db, pytest.mark.database]

route = Route(api_token="token")
blog_app = route.app("blogs", "blog")
blog_models = route.app("some", "blog.Blog", "blog.Category")


@route.queryset("blog-single")
def blog_single() -> Any:
    """One queryset."""
    return Blog.objects.all()


@route.queryset("blog-multiple")
def blog_multiple() -> Any:
    """Several querysets."""
    return [Blog.objects.all(), Post.objects.all()]


@route.queryset("blog-latest")
def blog_latest() -> Any:
    """A slice."""
    return Post.objects.order_by("-slug")[:2]


@route.queryset(r"by-regex/(?P<slug>[-\w]+)")
def by_regex(slug: str) -> Any:
    """A value from a regular expression."""
    return Post.objects.filter(blog__slug=slug)


@route.queryset("by-path/<slug:slug>")
def by_path(slug: str) -> Any:
    """A value from Django's converters."""
    return get_object_or_404(Blog, slug=slug).posts


@route.queryset("anonymous")
def anonymous() -> Any:
    """Evaluated, and changed in memory."""
    blogs = Blog.objects.all()
    for blog in blogs:
        blog.user = None
    return blogs


urlpatterns = [path("sync/", include(route.urlpatterns))]


@pytest.fixture(autouse=True)
def _addresses(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def blog() -> Blog:
    member = Member.objects.create(email="a@example.com", password="hash")
    blog = Blog.objects.create(slug="first", title="Zürich", user=member)
    categories = [Category.objects.create(slug="one"), Category.objects.create(slug="two")]
    for number in range(3):
        post = Post.objects.create(blog=blog, slug=f"post-{number}", meta={"a": [1, None]}, rating="1.50")
        post.categories.set(categories[: number % 3])
    return blog


def test_version_1_is_what_djangos_serializer_writes(blog: Blog) -> None:
    """Byte for byte, where Django's order of related objects is certain."""
    Category.objects.filter(slug="two").delete()
    response = ask(blog_multiple)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    expected = serializers.serialize("json", [*Blog.objects.all(), *Post.objects.order_by("pk")])
    assert body(response).decode() == expected.rstrip()


def test_an_app_is_what_dumpdata_writes(blog: Blog, capsys: pytest.CaptureFixture[str]) -> None:
    """The same objects; what others depend on comes first."""
    call_command("dumpdata", "blog")
    dumped = json.loads(capsys.readouterr().out)
    served = array(blog_app)
    for found in [*served, *dumped]:
        found["fields"].get("categories", []).sort()  # which Django gives in any order
    assert sorted(map(json.dumps, served)) == sorted(map(json.dumps, dumped))
    assert len(served) == 7


def test_models_can_be_named(blog: Blog) -> None:
    """As dumpdata takes them."""
    assert {found["model"] for found in array(blog_models)} == {"blog.blog", "blog.category"}


def test_nothing_is_an_empty_array() -> None:
    """Complete JSON, and a complete stream."""
    assert body(ask(blog_multiple)) == b"[]"
    header, end = lines(blog_multiple)
    assert header["count"] == 0
    assert end == {"end": True, "count": 0, "cursor": None}


def test_version_2_has_a_header_lines_and_an_end(blog: Blog) -> None:
    """As the protocol's page says."""
    response = ask(blog_multiple, headers=NDJSON)
    assert response["Content-Type"] == "application/x-ndjson"
    header, first, second, *_, end = [json.loads(line) for line in body(response).splitlines()]
    fields = ["blog", "slug", "title", "body", "rating", "published", "meta", "best"]
    assert header["modelsync"] == 2
    assert header["models"] == [
        {"model": "blog.blog", "fields": ["slug", "title", "user"]},
        {"model": "blog.post", "fields": fields, "many": ["categories"]},
    ]
    assert len(header["fingerprint"]) == 64
    assert header["count"] == 4
    assert first == [0, blog.pk, "first", "Zürich", blog.user_id]
    assert second[:6] == [1, Post.objects.get(slug="post-0").pk, blog.pk, "post-0", "", ""]
    assert second[6:8] == ["1.50", None]
    assert json.loads(second[8]) == {"a": [1, None]}
    assert second[9:] == [None, []]
    assert end == {"end": True, "count": 4, "cursor": None}


def test_relations_are_lists_of_keys(blog: Blog) -> None:
    """Of the objects of this very object."""
    served = {found["slug"]: found["categories"] for found in objects(blog_multiple)[1:]}
    keys = list(Category.objects.order_by("pk").values_list("pk", flat=True))
    assert served == {"post-0": [], "post-1": keys[:1], "post-2": keys}


@pytest.mark.parametrize("read", [array, objects])
def test_a_slice_keeps_its_order(blog: Blog, read: Any) -> None:
    """The first of those that the function ordered."""
    served = [found.get("fields", found)["slug"] for found in read(blog_latest)]
    assert served == ["post-2", "post-1"]


@pytest.mark.parametrize("read", [array, objects])
def test_what_was_changed_in_memory_is_served_changed(blog: Blog, read: Any) -> None:
    """And stays as it was in the database."""
    (served,) = read(anonymous)
    assert served.get("fields", served)["user"] is None
    assert Blog.objects.get().user is not None


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("address", ["blogs", "blog-single", "by-regex/first", "by-path/first"])
def test_addresses_have_a_slash_at_their_end_or_not(
    blog: Blog, client: Client, address: str, slash: str
) -> None:
    """Whatever kind of path it is."""
    response = client.get(f"/sync/{address}{slash}", headers=basic("token"))
    assert response.status_code == 200
    assert len(json.loads(b"".join(response.streaming_content))) > 0  # type: ignore[attr-defined]


def test_a_function_may_find_nothing(client: Client) -> None:
    """Then the answer is 404, before anything is streamed."""
    assert client.get("/sync/by-path/nowhere", headers=basic("token")).status_code == 404
    with pytest.raises(Http404):
        ask(by_path, slug="nowhere")


def test_lists_may_hold_objects_and_be_nested(blog: Blog) -> None:
    """Objects, managers, querysets, lists of them."""
    mixed = Route(api_token="token").queryset("mixed")(
        lambda: (blog, [Category.objects.first(), Post.objects], Category.objects.filter(slug="two"))
    )
    expected = ["blog.blog", "blog.category", "blog.post", "blog.post", "blog.post", "blog.category"]
    assert [found["model"] for found in objects(mixed)] == expected
    assert [found["model"] for found in array(mixed)] == expected
