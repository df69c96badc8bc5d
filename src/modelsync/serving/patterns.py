"""The addresses of a path of a route, each with and without a slash at its end."""

from __future__ import annotations

from collections.abc import Callable

from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, re_path


def make_patterns(name: str, view: Callable[..., HttpResponseBase]) -> list[URLPattern]:
    """A pattern for a regular expression, two for a path with Django's converters."""
    if _has_converters(name):
        return [path(f"{name}/", view), path(name, view)]
    return [re_path(f"^{name}/?$", view)]


def _has_converters(name: str) -> bool:
    """Whether it is `posts/<slug:blog>`; a regular expression may have `(?P<blog>...)` instead."""
    return "<" in name and "(?" not in name
