"""What the site answers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tests.bench.push_branch.models import Unit


def count(request: HttpRequest) -> HttpResponse:
    """The number of objects."""
    return HttpResponse(str(Unit.objects.count()))


urlpatterns = [path("push/", include("modelsync.push.urls")), path("count/", count)]
