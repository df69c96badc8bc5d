"""What the site of the tests serves."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import include, path

from modelsync.routing import Route
from tests.blog.models import Blog, Post
from tests.shop.models import Everything

route = Route(passwords=True)
route.app("all", "blog")
route.app("values", "shop.Everything")


@route.queryset("blogs")
def blogs() -> QuerySet[Blog]:
    return Blog.objects.all()


@route.queryset("posts/<slug:blog>")
def posts(blog: str) -> list[QuerySet[Blog] | QuerySet[Post]]:
    return [Blog.objects.filter(slug=blog), Post.objects.filter(blog__slug=blog)]


@route.queryset("none")
def none() -> QuerySet[Blog]:
    return Blog.objects.none()


@route.queryset("everything")
def everything() -> QuerySet[Everything]:
    return Everything.objects.all()


urlpatterns = [path("sync/", include(route.urlpatterns))]
