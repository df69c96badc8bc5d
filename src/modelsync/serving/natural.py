"""Natural keys in place of the primary keys of other objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connections, models

from modelsync.serving.errors import ServingError
from modelsync.serving.paging import PAGE

#: Models whose primary keys differ from site to site, and the values that are their natural keys.
_ALWAYS: Final = {
    "contenttypes.contenttype": ("app_label", "model"),
    "auth.permission": ("codename", "content_type__app_label", "content_type__model"),
}


def is_natural(model: type[models.Model], *, wanted: bool) -> bool:
    """Whether references to the model are natural keys; `wanted` is the route's `natural_foreign`."""
    return model._meta.label_lower in _ALWAYS or (wanted and hasattr(model, "natural_key"))


@dataclass
class NaturalKeys:
    """The natural keys of one model's objects, found by the values of one of its fields."""

    model: type[models.Model]
    attname: str
    using: str
    _known: dict[Any, list[Any]] = field(default_factory=dict)

    def of(self, keys: Sequence[Any]) -> list[list[Any] | None]:
        """The natural key for each, None for None; raises ServingError where there is no such object."""
        missing = {key for key in keys if key is not None and key not in self._known}
        if len(self._known) > PAGE * 5:
            self._known.clear()
            missing = {key for key in keys if key is not None}
        self._load(missing)
        try:
            return [None if key is None else self._known[key] for key in keys]
        except KeyError:
            raise ServingError(
                f"a reference to {self.model._meta.label} leads nowhere, so it has no natural key"
            ) from None

    def _load(self, missing: Iterable[Any]) -> None:
        wanted = list(missing)
        size = connections[self.using].features.max_query_params or PAGE
        for start in range(0, len(wanted), size):
            rows = self.model._base_manager.using(self.using).order_by()
            rows = rows.filter(**{f"{self.attname}__in": wanted[start : start + size]})
            names = _ALWAYS.get(self.model._meta.label_lower)
            if names is not None:
                for key, *values in rows.values_list(self.attname, *names):
                    self._known[key] = values
                continue
            found: Any
            for found in rows:
                self._known[getattr(found, self.attname)] = list(found.natural_key())
