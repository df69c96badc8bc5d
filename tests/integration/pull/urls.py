"""What the other site serves: its blogs, and its files as a web server would."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.urls import include, path, re_path
from django.views.static import serve

from modelsync.routing import Route
from tests.blog.models import Blog, Category, Comment, Person, Post

#: The models of `posts`.
POSTS = (Blog, Category, Post, Comment)

route = Route(passwords=True)
route.app("all", "blog")


@route.queryset("posts")
def posts() -> list[QuerySet[Any]]:
    return [model._base_manager.all() for model in POSTS]


@route.queryset("blogs")
def blogs() -> list[QuerySet[Any]]:
    return [Blog.objects.all(), Person.objects.all()]


urlpatterns = [
    path("sync/", include(route.urlpatterns)),
    re_path(r"^media/(?P<path>.+)$", serve, {"document_root": settings.MEDIA_ROOT}),
]
