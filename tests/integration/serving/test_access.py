"""Who may read, and with which methods."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from modelsync.core.errors import ConfigurationError
from modelsync.routing import Route
from modelsync.serving import hash_token
from tests.blog.models import Blog
from tests.integration.serving.asking import NDJSON, ask, basic

pytestmark = pytest.mark.django_db


def view_of(token: Any, path: str = "blogs", **options: Any) -> Any:
    """A view with this token."""
    return Route(api_token=token, **options).app(path, "blog")


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        ("token", basic("token")),
        ("token", basic("", "token")),
        ("token", basic("somebody", "token")),
        ("token", {"Authorization": "Bearer token"}),
        ("token", {"Authorization": "bearer  token"}),
        ("a:b", basic("a:b")),
        ("a:b", basic("x", "a:b")),
        ("a:b", basic("a:b", "x")),
        ("zürich", basic("zürich")),
        ("zürich", {"Authorization": "Basic " + base64.b64encode("zürich:".encode("latin-1")).decode()}),
        (["old", "new"], basic("old")),
        (["old", "new"], basic("new")),
        (hash_token("token"), basic("token")),
        (["x", hash_token("zürich")], basic("zürich")),
        ({"a": ["blogs"], "b": "*"}, basic("a")),
        ({"a": ["blogs"], "b": "*"}, basic("b")),
        ({hash_token("a"): ["/blogs/"]}, basic("a")),
    ],
)
def test_the_token_is_taken(token: Any, headers: dict[str, str]) -> None:
    """As a user name, a password or a bearer, whatever its letters are."""
    assert ask(view_of(token), headers=headers).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Basic",
        "Basic ?",
        "Basic dG9rZW4",
        "Basic dG9rZW4=",  # without a colon
        "Basic é",
        "Bearer",
        "Bearer wrong",
        "Digest token",
        "token",
        basic("wrong")["Authorization"],
        basic("", "")["Authorization"],
        basic("to", "ken")["Authorization"],
        basic(hash_token("token"))["Authorization"],
    ],
)
@pytest.mark.parametrize("token", ["token", hash_token("token")])
def test_anything_else_is_refused(authorization: str, token: str) -> None:
    """With 401, and a question for the token."""
    response = ask(view_of(token), headers={"Authorization": authorization})
    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Basic realm="Sync API"'
    assert response["Cache-Control"] == "no-store"


def test_a_token_reads_its_paths_only() -> None:
    """The paths that a dict names."""
    route = Route(api_token={"a": ["blogs"], "b": "*"})
    view = route.app("posts", "blog")
    route.app("blogs", "blog")
    assert ask(view, headers=basic("a")).status_code == 401
    assert ask(view, headers=basic("b")).status_code == 200


@pytest.mark.parametrize("token", [None, "", [], {}, [""], ["a", ""], {"": "*"}])
def test_without_a_token_nothing_is_served(token: Any, settings: Any) -> None:
    """The error names the setting."""
    settings.SYNCTOOL_API_TOKEN = ""
    with pytest.raises(ConfigurationError, match="SYNCTOOL_API_TOKEN"):
        ask(view_of(token), headers=basic(""))


@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("sha256$12", "hash_token"),
        (5, "must be a text, not int"),
        ([5], "must be a text, not int"),
        ({"a": ["blog"]}, "did you mean 'blogs'"),
        ({"a": "blogs"}, "must be a list"),
    ],
)
def test_a_wrong_token_is_told(token: Any, message: str) -> None:
    """Before anything is served."""
    with pytest.raises(ConfigurationError, match=message):
        ask(view_of(token))


def test_the_setting_is_the_default(settings: Any) -> None:
    """It is read when it is needed, and may be a list."""
    view = view_of(None)
    settings.SYNCTOOL_API_TOKEN = ["one", "two"]
    assert ask(view, headers=basic("two")).status_code == 200
    settings.SYNCTOOL_API_TOKEN = "three"
    assert ask(view, headers=basic("two")).status_code == 401


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_only_reading_is_allowed(method: str) -> None:
    """405 for what would write."""
    response = ask(view_of("token"), method=method)
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD"


def test_head_has_the_headers_only(django_assert_num_queries: Any) -> None:
    """Nothing is read for it."""
    Blog.objects.create(slug="one")
    with django_assert_num_queries(0):
        response = ask(view_of("token"), method="head", headers=NDJSON)
    assert response.status_code == 200
    assert response.content == b""
    assert response["Content-Type"] == "application/x-ndjson"
    assert response["Vary"] == "Accept, Accept-Encoding, Authorization"
