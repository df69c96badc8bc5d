"""Who may call the webhook: HTTP basic authentication, as DatoCMS sends it."""

from __future__ import annotations

import hmac
import secrets
from base64 import b64encode
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from modelsync.core.errors import ConfigurationError

_SETTING: Final = "DATO_SYNC_WEBHOOK_EXPECTED_AUTH"
_BYTES: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user and a password. Raises ConfigurationError for what the scheme cannot carry."""

    username: str
    password: str

    def __post_init__(self) -> None:
        if not self.username or ":" in self.username:
            raise ConfigurationError("a username is needed, without a colon: that ends it (RFC 7617)")
        if any(each < " " or each == "\x7f" for each in self.username + self.password):
            raise ConfigurationError("username and password must have no control characters (RFC 7617)")

    @property
    def header(self) -> str:
        """What `Authorization` says of them."""
        return f"Basic {b64encode(f'{self.username}:{self.password}'.encode()).decode()}"


def new_password() -> str:
    """A random password of 32 characters that need no quoting."""
    return secrets.token_urlsafe(_BYTES)


def is_allowed(authorization: str) -> bool:
    """Whether a header is the expected one. It takes as long whatever is wrong with it.

    Raises ConfigurationError where none is expected: then nobody may call.
    """
    expected = getattr(settings, _SETTING, "")
    if not isinstance(expected, str) or not expected.strip():
        raise ConfigurationError(
            f"settings.{_SETTING} is not set; `manage.py gen_auth_header` makes it, and nobody may "
            "call until then"
        )
    return hmac.compare_digest(authorization.strip().encode(), expected.strip().encode())
