"""The project's settings for modelsync: one dict, `MODELSYNC`, in Django's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches

from django.conf import settings

from modelsync.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What can be set, with its defaults; in `MODELSYNC` the names are the same.

    They are defaults of the commands' options and of `sync()`'s parameters of the same name.
    `batch_size` is in rows; `max_deletes` a number of rows, or a percentage such as "25%", or None
    for the built-in guard. With `require_https` nothing is pulled over plain http from another machine.
    With `sequence_on_commit` the process that wrote tracked objects gives the changes their places in the
    feed right after its commit; without it, sync_worker or push_changes does. `push` holds what is set for
    pushing and receiving (modelsync.push.settings).
    """

    batch_size: int = 20_000
    validate: str = "types"
    writer: str = "auto"
    on_conflict: str = "delete"
    max_deletes: int | str | None = None
    require_https: bool = False
    sequence_on_commit: bool = True
    push: Mapping[str, object] = field(default_factory=dict)


_CHOICES = {
    "validate": ("none", "types", "full"),
    "writer": ("auto", "staged", "objects"),
    "on_conflict": ("delete", "reject"),
}


def current() -> Settings:
    """The settings as they are now; raises ConfigurationError for what is unknown or wrong."""
    given = getattr(settings, "MODELSYNC", {})
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"settings.MODELSYNC must be a dict, not {type(given).__name__}")
    names = [each.name for each in fields(Settings)]
    for key in given:
        if key not in names:
            raise ConfigurationError(unknown_key("settings.MODELSYNC", str(key), sorted(names)))
    values = dict(given)
    for name, value in values.items():
        _check(name, value)
    return Settings(**values)


def unknown_key(where: str, key: str, known: list[str]) -> str:
    """What to say of a key that is none of the known ones."""
    near = get_close_matches(key.lower(), known, n=1, cutoff=0.5)
    meant = f"did you mean {near[0]!r}?" if near else f"the known ones are {', '.join(known)}"
    return f"{where} has an unknown key {key!r}; {meant}"


def _check(name: str, value: object) -> None:
    setting = f"settings.MODELSYNC[{name!r}]"
    choices = _CHOICES.get(name)
    if choices and value not in choices:
        raise ConfigurationError(f"{setting} is {value!r}; it must be one of {', '.join(choices)}")
    if name == "batch_size" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ConfigurationError(f"{setting} is {value!r}; it must be a number of rows, 1 or more")
    if name in ("require_https", "sequence_on_commit") and not isinstance(value, bool):
        raise ConfigurationError(f"{setting} is {value!r}; it must be True or False")
    if name == "push" and not isinstance(value, Mapping):
        raise ConfigurationError(f"{setting} must be a dict, not {type(value).__name__}")
    if name == "max_deletes" and (isinstance(value, bool) or not isinstance(value, int | str | None)):
        raise ConfigurationError(f"{setting} is {value!r}; it must be a number of rows or a text like '25%'")
