"""What is set for pushing and receiving: `MODELSYNC["push"]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from modelsync.conf import current, unknown_key
from modelsync.core.errors import ConfigurationError

_WHERE = 'settings.MODELSYNC["push"]'
T = TypeVar("T", "PushSettings", "ReceiverSettings")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSettings:
    """What a site takes from others: `MODELSYNC["push"]["receiver"]`.

    Args:
        models: the allow-list. The sender's name for a model, as `Product` or `shop.Product` -> the label of
            the model here, as `branch.Product`, or `{"model": label, "fields": [names]}` where only some
            fields are taken.
        keys: what senders of version 1 may say as their Api-Key.
        secrets: what senders of version 2 sign with, as `whsec_...`; several while one is rotated.
        max_body: bytes of a request.
    """

    models: Mapping[str, str | Mapping[str, Any]] = field(default_factory=dict)
    keys: Sequence[str] = ()
    secrets: Sequence[str] = ()
    max_body: int = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSettings:
    """What is set for sending, with its defaults.

    Args:
        allow_private_targets: whether applications may be in private networks, or on this machine.
        timeout: seconds that a request may take.
        lease: seconds after which a delivery that a worker claimed, and did not settle, is claimed again.
        announce: who is told that something is due: "celery", "tasks" (Django Tasks), or None for nobody; see
            docs/how-to/run-workers.md.
        keep_attempts: days for which the log of attempts is kept.
        keep_done: days for which finished jobs of objects that are deleted are kept.
        encryption_keys: texts that secrets are encrypted with, the newest first; SECRET_KEY and its
            fallbacks where there are none.
        receiver: what this site takes from others; None where it takes nothing.
    """

    allow_private_targets: bool = False
    timeout: float = 10.0
    lease: float = 60.0
    announce: Literal["celery", "tasks"] | None = None
    keep_attempts: float = 14.0
    keep_done: float = 90.0
    encryption_keys: Sequence[str] = ()
    receiver: ReceiverSettings | None = None


def push_settings() -> PushSettings:
    """The settings as they are now; raises ConfigurationError for what is unknown or wrong."""
    given = dict(current().push)
    receiver = given.pop("receiver", None)
    settings = _made(PushSettings, given, _WHERE)
    if receiver is None:
        return settings
    if not isinstance(receiver, Mapping):
        raise ConfigurationError(f'{_WHERE}["receiver"] must be a dict, not {type(receiver).__name__}')
    values = {each.name: getattr(settings, each.name) for each in fields(PushSettings)}
    return PushSettings(**{**values, "receiver": _made(ReceiverSettings, receiver, f'{_WHERE}["receiver"]')})


def _made(kind: type[T], given: Mapping[str, Any], where: str) -> T:
    known = {each.name: each.type for each in fields(kind)}
    for key, value in given.items():
        if key not in known:
            raise ConfigurationError(unknown_key(where, str(key), sorted(known)))
        wanted = _wanted(str(known[key]), value)
        if wanted:
            raise ConfigurationError(
                f"{where}[{key!r}] must be {wanted}"
            )  # never its value: it may be secret
    return kind(**given)


def _wanted(kind: str, value: object) -> str | None:
    """What a value must be, if it is not."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    match kind:
        case "bool" if not isinstance(value, bool):
            return "True or False"
        case "int" if not (is_number and isinstance(value, int)):
            return "a number, 1 or more"
        case "float" if not is_number:
            return "a number above 0"
        case "Sequence[str]" if not (
            isinstance(value, list | tuple) and all(isinstance(each, str) and each for each in value)
        ):
            return "a list of texts"
        case _ if kind.startswith("Literal") and value not in ("celery", "tasks", None):
            return '"celery", "tasks" or None'
        case _ if kind.startswith("Mapping") and not isinstance(value, Mapping):
            return "a dict"
    return None
