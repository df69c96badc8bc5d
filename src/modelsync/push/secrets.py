"""Secrets of applications are encrypted in the database."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.core.exceptions import FieldError, ValidationError
from django.db import models
from django.utils.encoding import force_bytes

from modelsync.core.errors import ConfigurationError
from modelsync.push.settings import push_settings

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet
    from django.forms import Field

    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField

#: What the keys are derived for, so that they are good for nothing else that is derived from SECRET_KEY.
_PURPOSE: Final = b"modelsync.push secrets"
_MARK: Final = "encrypted:"


class EncryptedField(_TextField):
    """A value of JSON, encrypted and authenticated with Fernet. It cannot be searched for.

    The first of the keys in the settings encrypts, all decrypt: so a key is replaced by putting a new one
    before it, and by `manage.py rotate_secret --reencrypt`. Fixtures of `dumpdata` hold it encrypted, too.
    """

    def get_prep_value(self, value: Any) -> Any:
        """What is written."""
        return None if value is None else _encrypted(value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """What was written, decrypted. Raises ConfigurationError where no key fits."""
        return None if value is None else self._decrypted(value)

    def to_python(self, value: Any) -> Any:
        """The value itself; what a fixture holds, decrypted."""
        if isinstance(value, str) and value.startswith(_MARK):
            try:
                return self._decrypted(value.removeprefix(_MARK))
            except ConfigurationError as error:
                raise ValidationError(str(error)) from error
        return value

    def value_to_string(self, obj: models.Model) -> str:
        """What a fixture holds."""
        return _MARK + _encrypted(self.value_from_object(obj))

    def get_lookup(self, lookup_name: str) -> Any:
        """Only NULL can be searched for: what is encrypted twice differs."""
        if lookup_name != "isnull":
            raise FieldError(f"{self.model._meta.label}.{self.name} is encrypted; it cannot be searched for")
        return super().get_lookup(lookup_name)

    def formfield(self, **kwargs: Any) -> Field | None:
        """What does not show the value, and leaves it as it is when nothing is entered."""
        from modelsync.push.forms import SecretField, SecretListField

        kind = SecretListField if isinstance(self.get_default(), list) else SecretField
        # Django's admin passes a widget for large texts, which would show it.
        return kind(label=self.verbose_name, help_text=self.help_text)

    def _decrypted(self, text: str) -> Any:
        from cryptography.fernet import InvalidToken

        try:
            return json.loads(_fernet(_keys()).decrypt(text.encode()))
        except InvalidToken:
            raise ConfigurationError(
                f"{self.model._meta.label}.{self.name} was encrypted with a key that is not set any more; "
                f'put it into SECRET_KEY_FALLBACKS or MODELSYNC["push"]["encryption_keys"]'
            ) from None


def _encrypted(value: Any) -> str:
    return _fernet(_keys()).encrypt(json.dumps(value).encode()).decode("ascii")


def _keys() -> tuple[str | bytes, ...]:
    given: Sequence[str] = push_settings().encryption_keys
    return tuple(given) or (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str | bytes, ...]) -> MultiFernet:
    try:
        from cryptography.fernet import Fernet, MultiFernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError as error:
        raise ConfigurationError("pushing needs an extra; pip install 'django-modelsync[push]'") from error

    def derived(key: str | bytes) -> Fernet:
        made = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(force_bytes(key))
        return Fernet(urlsafe_b64encode(made))

    return MultiFernet([derived(key) for key in keys])
