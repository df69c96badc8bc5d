"""The route of a site that others pull from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from typing import Any, Final, TypeAlias
from weakref import WeakSet

from django.conf import settings
from django.http import HttpRequest, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern

from modelsync.formats.wire import NDJSON
from modelsync.serving.arranging import arrange
from modelsync.serving.credentials import offered_tokens
from modelsync.serving.files import file_index
from modelsync.serving.hiding import Exclude, Hiding, Masks, make_hiding
from modelsync.serving.labels import parts_of
from modelsync.serving.layout import Style
from modelsync.serving.parts import Part, make_parts
from modelsync.serving.passwords import open_passwords
from modelsync.serving.patterns import make_patterns
from modelsync.serving.responses import answer, streamed, unauthorized
from modelsync.serving.tokens import Token, Tokens, is_allowed, read_tokens

log = logging.getLogger(__name__)

View: TypeAlias = Callable[..., HttpResponseBase]

#: Every route there is, for the system checks.
ROUTES: Final[WeakSet[Route]] = WeakSet()


class Route:
    """Serves models and querysets to the clients of other sites.

    `api_token` is a text, a list of texts (while one replaces the other), or a dict of each token's
    paths (`{"a": ["blogs"], "b": "*"}`); the default is `settings.SYNCTOOL_API_TOKEN`. A token may
    be stored as `hash_token(token)`. Without a token nothing is served: a request, and the system
    check, raise ConfigurationError.

    `exclude` leaves fields out (`{"auth.User": ["password"]}`); `mask` changes the values of others
    (`{"auth.User.email": function}`), but for NULL, which stays. `using` is the database of `app()`
    and of querysets that name none. `passwords=True` says that serving passwords is meant.
    """

    def __init__(
        self,
        api_token: Tokens | None = None,
        *,
        exclude: Exclude | None = None,
        mask: Masks | None = None,
        using: str | None = None,
        passwords: bool = False,
    ) -> None:
        self.api_token = api_token
        self.exclude = exclude
        self.mask = mask
        self.using = using
        self.passwords = passwords
        self.urlpatterns: list[URLPattern] = []
        #: The labels that each path of `app()` serves.
        self.apps: dict[str, tuple[str, ...]] = {}
        self._paths: list[str] = []
        self._warned: set[str] = set()
        ROUTES.add(self)

    def app(
        self, path: str, *labels: str, natural_foreign: bool = False, natural_primary: bool = False
    ) -> View:
        """Serve what dumpdata holds of an app ("blog") or a model ("blog.Post"); give the view."""

        def content() -> list[Part]:
            return parts_of(labels, self.using)

        self.apps[path.strip("/")] = labels
        return self._add(path, content, natural_foreign, natural_primary)

    def queryset(
        self, path: str, *, natural_foreign: bool = False, natural_primary: bool = False
    ) -> Callable[[Callable[..., object]], View]:
        """Serve what the decorated function returns: a queryset, or a list of querysets or objects.

        The path is a regular expression, or one of Django's paths (`posts/<slug:blog>`); its values
        are the function's arguments. Querysets that were evaluated are served as they are in memory.
        """

        def decorate(function: Callable[..., object]) -> View:
            @wraps(function)
            def content(*args: Any, **kwargs: Any) -> list[Part]:
                return make_parts(function(*args, **kwargs), self.using)

            return self._add(path, content, natural_foreign, natural_primary)

        return decorate

    def __str__(self) -> str:
        return f"Route({', '.join(map(repr, self._paths))})"

    def check_names(self) -> None:
        """Raise ConfigurationError for names of models and fields that are nobody's."""
        _ = self.hiding
        for labels in self.apps.values():
            parts_of(labels, self.using)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that may read."""
        given = self.api_token
        if given is None:
            given = getattr(settings, "SYNCTOOL_API_TOKEN", None)
        return read_tokens(given, self._paths)

    @cached_property
    def hiding(self) -> Hiding:
        """What is not shown."""
        return make_hiding(self.exclude, self.mask)

    def _add(
        self, path: str, content: Callable[..., list[Part]], natural_foreign: bool, natural_primary: bool
    ) -> View:
        name = path.strip("/")

        def objects(request: HttpRequest, parts: list[Part]) -> HttpResponseBase:
            style = Style(
                hiding=self.hiding, natural_foreign=natural_foreign, natural_primary=natural_primary
            )
            self._warn(parts)
            return streamed(request, arrange(parts, style), style)

        def files(request: HttpRequest, parts: list[Part]) -> HttpResponseBase:
            held = [part.objects if part.queryset is None else part.queryset for part in parts]
            return answer(request, lambda: file_index(held, self._hides), NDJSON)

        view = self._view(name, content, objects)
        self._paths.append(name)
        self.urlpatterns += make_patterns(name, view)
        self.urlpatterns += make_patterns(f"{name}/files", self._view(name, content, files))
        return view

    def _view(
        self,
        name: str,
        content: Callable[..., list[Part]],
        respond: Callable[[HttpRequest, list[Part]], HttpResponseBase],
    ) -> View:
        """A view for those who have a token of the path."""

        @wraps(content)
        def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method not in ("GET", "HEAD"):
                return HttpResponseNotAllowed(["GET", "HEAD"])
            offered = offered_tokens(request.headers.get("Authorization", ""))
            if not is_allowed(offered, self.tokens, name):
                return unauthorized()
            return respond(request, content(*args, **kwargs))

        view.csrf_exempt = True  # type: ignore[attr-defined]  # it only reads: 405 rather than 403
        return view

    def _hides(self, field: Any) -> bool:
        return not self.hiding.shows(field) or self.hiding.mask(field) is not None

    def _warn(self, parts: Sequence[Part]) -> None:
        """Say once for each model that passwords are served."""
        if self.passwords:
            return
        for part in parts:
            for path in open_passwords(part.concrete, self.hiding):
                if path not in self._warned:
                    self._warned.add(path)
                    log.warning(
                        "A route serves passwords: exclude or mask them, or say Route(passwords=True)",
                        extra={"field_path": path},
                    )
