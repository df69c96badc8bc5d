"""What a site serves without primary keys."""

from __future__ import annotations

from django.urls import include, path

from modelsync.routing import Route

route = Route()
route.app(
    "all",
    *(f"named.{label}" for label in ("page", "topic", "remark", "token", "account", "folder")),
    natural_foreign=True,
    natural_primary=True,
)
route.app("places", "named.place", "named.restaurant", natural_primary=True)
route.app("chefs", "named.place", "named.restaurant", natural_primary=True, natural_foreign=True)
route.app("plain", "named.topic", "named.page", natural_primary=True)

urlpatterns = [path("sync/", include(route.urlpatterns))]
