"""What `manage.py check` says of the routes of a project."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

from modelsync.core.errors import ConfigurationError
from modelsync.serving.labels import models_of
from modelsync.serving.passwords import open_passwords
from modelsync.serving.route import ROUTES, Route


def check_routes(app_configs: Any = None, **options: Any) -> list[CheckMessage]:
    """E301 for wrong names, W301 for passwords that are served unasked, W302 for a route without tokens."""
    urlconf = getattr(settings, "ROOT_URLCONF", None)
    if isinstance(urlconf, str):
        import_module(urlconf)  # routes are made where the addresses are
    messages: list[CheckMessage] = []
    for route in sorted(ROUTES, key=_order):
        messages += check_route(route)
    return messages


def check_route(route: Route) -> list[CheckMessage]:
    """What is to be said of one route."""
    hint = "Until then its addresses answer with an error, and serve nothing."
    try:
        route.check_names()
    except ConfigurationError as error:
        return [Error(str(error), hint=hint, obj=route, id="modelsync.E301")]
    messages: list[CheckMessage] = []
    try:
        _ = route.tokens
    except ConfigurationError as error:
        # The same code may run where nothing is to be served.
        messages.append(CheckWarning(str(error), hint=hint, obj=route, id="modelsync.W302"))
    if route.passwords:
        return messages
    return messages + [
        CheckWarning(
            f"{path!r} serves {field}, which holds passwords.",
            hint="Leave it out with Route(exclude=...), or mask it, or say that it is meant: "
            "Route(passwords=True).",
            obj=route,
            id="modelsync.W301",
        )
        for path, labels in route.apps.items()
        for model in models_of(labels)
        for field in open_passwords(model, route.hiding)
    ]


def _order(route: Route) -> list[str]:
    return sorted(route.apps)
