"""Who may push: by key on version 1 of the wire, by signature on version 2."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from modelsync.core.errors import ConfigurationError

#: Seconds that a request may be older, or newer, than now.
TOLERANCE: Final = 300
_TIMESTAMP: Final = re.compile(r"[0-9]{1,11}", re.ASCII)
_SCHEME: Final = "api-key"
_LONGEST_ID: Final = 500


class NotAllowed(Exception):
    """The request is answered with 401; the text says why, without giving anything away."""


def is_signed(headers: Mapping[str, str]) -> bool:
    """Whether a request is one of version 2: it has a header of Standard Webhooks."""
    return any(f"webhook-{name}" in headers for name in ("id", "timestamp", "signature"))


def check_key(authorization: str, keys: Sequence[str]) -> None:
    """Raise NotAllowed if a header `Authorization: Api-Key KEY` has none of the keys."""
    scheme, _, given = authorization.strip().partition(" ")
    if scheme.lower() != _SCHEME:
        raise NotAllowed("say 'Authorization: Api-Key KEY', or sign the request")
    # All are compared, so that the time tells nothing of which one comes near.
    found = [hmac.compare_digest(given.strip().encode(), key.encode()) for key in keys]
    if not any(found):
        raise NotAllowed("the key is none that is taken here")


def check_time(headers: Mapping[str, str], now: float) -> None:
    """Raise NotAllowed if a request is too old or too new; `now` is in seconds since 1970."""
    timestamp = headers.get("webhook-timestamp", "")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise NotAllowed("webhook-timestamp must be seconds since 1970")
    if abs(now - int(timestamp)) > TOLERANCE:
        raise NotAllowed(f"webhook-timestamp is more than {TOLERANCE} seconds from the time here")


def check_signature(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> frozenset[str]:
    """Fingerprints of the secrets that signed the body; raises NotAllowed if none of them did."""
    number = headers.get("webhook-id", "")
    if not number or len(number) > _LONGEST_ID:
        raise NotAllowed("webhook-id is missing, or too long")
    try:
        text = body.decode()
        moment = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        right = [_signature(secret, number, moment, text) for secret in secrets]
    except (UnicodeError, ValueError, OverflowError, OSError) as error:
        raise NotAllowed("the signature cannot be checked") from error
    given = list(_signatures(headers.get("webhook-signature", "")))
    found = [any([hmac.compare_digest(one, other) for other in given]) for one in right]
    if not any(found):
        raise NotAllowed("no signature is right for this body")
    return frozenset(
        _fingerprint(secret) for secret, is_right in zip(secrets, found, strict=True) if is_right
    )


def _fingerprint(secret: str) -> str:
    """What tells secrets apart, and tells nothing else of them."""
    return hmac.new(secret.encode(), b"modelsync: who signs", hashlib.sha256).hexdigest()[:16]


def _signature(secret: str, number: str, moment: datetime, text: str) -> bytes:
    try:
        from standardwebhooks.webhooks import Webhook
    except ImportError as error:
        raise ConfigurationError(
            "checking signatures needs an extra; pip install 'django-modelsync[push]'"
        ) from error
    try:
        webhook = Webhook(secret)
    except Exception:  # whatever it raises, nobody may see the secret
        raise ConfigurationError(
            'one of the secrets in settings.MODELSYNC["push"]["receiver"] is no "whsec_..."'
        ) from None
    return b64decode(webhook.sign(number, moment, text).partition(",")[2])


def _signatures(header: str) -> list[bytes]:
    """The signatures of a header `v1,BASE64 v1,BASE64 ...`; what is none is left out."""
    found: list[bytes] = []
    for each in header.split(" ")[:20]:
        version, _, encoded = each.partition(",")
        if version != "v1":
            continue
        try:
            found.append(b64decode(encoded, validate=True))
        except (NotBase64, ValueError):
            continue
    return found
