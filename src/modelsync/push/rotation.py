"""New secrets for applications, while the old ones still count."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import F, Q

from modelsync.core.errors import ConfigurationError
from modelsync.push.applications import Application
from modelsync.push.delivery.signing import new_secret

_TOKEN_BYTES: Final = 32
_NAMED: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """An application, what is new, and how many older secrets still sign, or were dropped."""

    application: Application
    secret: str = ""
    old: int = 0
    dropped: int = 0


def find(name: str, using: str) -> Application:
    """The application of this name or primary key. Raises ConfigurationError unless there is exactly one."""
    everything = Application.objects.using(using).defer("api_token_key", "signing_secrets").order_by("pk")
    wanted = Q(name=name) | Q(pk=int(name)) if name.isdecimal() else Q(name=name)
    found = list(everything.filter(wanted)[:_NAMED])
    if len(found) == 1:
        return found[0]
    names = ", ".join(f"{each.pk} ({each.name})" for each in found or everything[:_NAMED])
    if found:
        raise ConfigurationError(f"{name!r} may be one of several applications; give the id: {names}")
    known = f"there are: {names}" if names else "there are none; make one in the admin first"
    raise ConfigurationError(f"there is no application {name!r}; {known}")


def rotate(application: Application, using: str, keep: int | None = None) -> Rotated:
    """Put a new signing secret first; the older ones, or the `keep` newest of them, sign as well."""
    _check_protocol(application, Application.Protocol.WEBHOOKS)
    secret = new_secret()

    def change(mine: Application) -> Rotated:
        old = mine.signing_secrets[:keep]
        dropped = len(mine.signing_secrets) - len(old)
        mine.signing_secrets = [secret, *old]
        return Rotated(application=mine, secret=secret, old=len(old), dropped=dropped)

    return _changed(application, using, change)


def finish(application: Application, using: str) -> Rotated:
    """Drop all signing secrets but the newest."""
    _check_protocol(application, Application.Protocol.WEBHOOKS)

    def change(mine: Application) -> Rotated:
        dropped = max(len(mine.signing_secrets) - 1, 0)
        mine.signing_secrets = mine.signing_secrets[:1]
        return Rotated(application=mine, dropped=dropped)

    return _changed(application, using, change)


def renew_api_key(application: Application, using: str) -> Rotated:
    """Set a new Api-Key; the old one is sent no more."""
    _check_protocol(application, Application.Protocol.OBJECTSYNCER)
    key = secrets.token_urlsafe(_TOKEN_BYTES)

    def change(mine: Application) -> Rotated:
        mine.api_token_key = key
        return Rotated(application=mine, secret=key)

    return _changed(application, using, change)


def reencrypt(using: str) -> int:
    """Encrypt the secrets of all applications with the first key; the number of applications."""
    everything = list(
        Application.objects.using(using).defer("api_token_key", "signing_secrets").order_by("pk")
    )
    for application in everything:
        _changed(application, using, lambda mine: Rotated(application=mine))
    return len(everything)


def _changed(application: Application, using: str, change: Callable[[Application], Rotated]) -> Rotated:
    """What a change of the stored secrets gives; two at the same time happen one after the other."""
    rows = Application.objects.using(using).filter(pk=application.pk)
    with transaction.atomic(using=using):
        rows.update(name=F("name"))  # SQLite has no other way to lock
        mine = rows.select_for_update().get()
        rotated = change(mine)
        rows.update(signing_secrets=mine.signing_secrets, api_token_key=mine.api_token_key)
    return rotated


def _check_protocol(application: Application, wanted: Application.Protocol) -> None:
    if application.protocol == wanted:
        return
    if wanted == Application.Protocol.WEBHOOKS:
        reason = "which does not sign; a new Api-Key is made with --api-key"
    else:
        reason = "which sends no Api-Key but signs; leave --api-key out"
    raise ConfigurationError(f"{application.name} speaks protocol {application.protocol}, {reason}")
