"""Signatures as Standard Webhooks has them: https://www.standardwebhooks.com."""

from __future__ import annotations

import secrets as random
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from math import floor
from typing import Final

from modelsync.core.errors import ConfigurationError, Permanent

_PREFIX: Final = "whsec_"
_BYTES: Final = 32


def new_secret() -> str:
    """A new signing secret, as `whsec_...`."""
    return _PREFIX + b64encode(random.token_bytes(_BYTES)).decode("ascii")


def sign(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers that say who sends a body, and when.

    Args:
        secrets: the newest first. Each of them signs, so that a receiver may know any of them.
        message_id: the same for all tries of a message.
        at: now, aware.
        body: exactly as it is sent, in UTF-8.

    Raises Permanent where there is no secret, or one that is none.
    """
    try:
        from standardwebhooks import Webhook
    except ImportError as error:
        raise ConfigurationError("signing needs an extra; pip install 'django-modelsync[push]'") from error
    if not secrets:
        raise Permanent("the application has no signing secret; make one with manage.py rotate_secret")
    if at.tzinfo is None:
        raise ValueError("the time of a signature must be aware")
    at = at.astimezone(UTC)  # the library takes the time of any zone for one of UTC
    text = body.decode()
    signatures = []
    for number, secret in enumerate(secrets, 1):
        try:
            signatures.append(Webhook(secret).sign(message_id, at, text))
        except Exception:
            # The library has errors of several kinds for them; none is kept, as it may hold the secret.
            raise Permanent(
                f"signing secret {number} of the application is not base64 after whsec_; make a new one with "
                f"manage.py rotate_secret, and end with --finish"
            ) from None
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(floor(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
