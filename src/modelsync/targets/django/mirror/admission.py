"""Which models a stream may bring."""

from __future__ import annotations

from collections.abc import Callable

from django.apps import apps
from django.db import models

from modelsync.core.errors import ConfigurationError

#: What belongs to a site and is right on no other one.
SITES_OWN = frozenset(("auth.permission", "contenttypes.contenttype", "sessions.session", "admin.logentry"))


class Admission:
    """Finds the models of a stream; `allowed` are the labels (lower case) that alone may come."""

    def __init__(self, allowed: frozenset[str] | None, *, ignore: bool) -> None:
        self.allowed = allowed
        self.ignore = ignore
        self._ignored: set[str] = set()

    def model(self, label: str, note: Callable[[str, str], None]) -> type[models.Model] | None:
        """The model of a label; None where it is not here and may be left out.

        Raises ConfigurationError for one that may not come.
        """
        if self.allowed is not None and label not in self.allowed:
            raise ConfigurationError(
                f"the other site sends {proper(label)}, which is not among the models that may come: "
                f"{', '.join(sorted(map(proper, self.allowed)))}"
            )
        if self.allowed is None and label in SITES_OWN:
            raise ConfigurationError(
                f"the other site sends {proper(label)}, which belongs to a site and is wrong on any other; "
                f"have it served no more, or list it in `models` (--model) to take it all the same"
            )
        try:
            model = apps.get_model(label)
        except (LookupError, ValueError) as error:
            if not self.ignore:
                raise ConfigurationError(
                    f"the other site sends {label}, which is no model here; install its app, or leave such "
                    f"models out with --ignore-models"
                ) from error
            if label not in self._ignored:
                self._ignored.add(label)
                note(label, f"{label} is no model here; its objects are left out")
            return None
        concrete: type[models.Model] | None = model._meta.concrete_model
        assert concrete is not None, "a model that an app has is not abstract"
        return concrete


def proper(label: str) -> str:
    """A label as the model itself writes it; as it is, where there is no such model here."""
    try:
        return str(apps.get_model(label)._meta.label)
    except (LookupError, ValueError):
        return label
