"""The connections to applications: one pool for each, kept while its settings stay the same."""

from __future__ import annotations

from dataclasses import astuple
from threading import Lock
from typing import Any, Final

from django.conf import settings

from modelsync.push.applications import Application
from modelsync.push.delivery.http import Endpoint, HttpTransport
from modelsync.push.delivery.transport import Transport
from modelsync.push.settings import PushSettings

_LOCK: Final = Lock()
_OPEN: Final[dict[tuple[str | None, int], tuple[tuple[Any, ...], HttpTransport]]] = {}


def transport_of(application: Application, push: PushSettings) -> Transport:
    """The connections to an application. Those of other settings that it had before are closed."""
    endpoint = Endpoint(
        ca=application.ca or getattr(settings, "API_ENDPOINTS_CA", True),
        client_certificate=application.client_certificate or None,
        concurrency=application.concurrency,
    )
    wanted = (*astuple(endpoint), push.timeout, push.allow_private_targets)
    number = application._state.db, application.pk
    with _LOCK:
        known, transport = _OPEN.get(number, (None, None))
        if transport is None or known != wanted:
            if transport is not None:
                transport.close()
            transport = HttpTransport(
                endpoint, timeout=push.timeout, allow_private=push.allow_private_targets
            )
            _OPEN[number] = (wanted, transport)
        return transport


def close_all() -> None:
    """Close all connections."""
    with _LOCK:
        while _OPEN:
            _OPEN.popitem()[1][1].close()
