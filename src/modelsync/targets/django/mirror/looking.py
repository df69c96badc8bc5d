"""Looking natural keys up in the tables: many at once where that gives what the model's manager would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any, Final

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import models

from modelsync.core.errors import RecordError
from modelsync.targets.django.mirror.calling import said_of
from modelsync.targets.django.mirror.sheet import told
from modelsync.targets.django.mirror.tracing import Lookup, lookup_of
from modelsync.targets.django.schema import Field, target_of

#: What keys raise that are no values of their fields.
_UNFIT: Final = (TypeError, ValueError, ValidationError)
#: Keys in one query.
_CHUNK: Final = 200


class Looking:
    """Looks up what a foreign key names by natural keys; `absent` says where it is not if it is not."""

    def __init__(self, field: Field, using: str, absent: str) -> None:
        model: Any = field.related_model
        self.model = model
        self.target = target_of(field).attname
        self.manager = model._default_manager.db_manager(using)
        self.lookup = lookup_of(model, using)
        self.absent = absent

    def up(self, saids: Sequence[str]) -> tuple[dict[str, object], dict[str, RecordError]]:
        """The values for the foreign key, and what is wrong with other keys; these are JSON."""
        keys = {said: json.loads(said) for said in saids}
        values = dict(self._together(keys, self.lookup)) if self.lookup else {}
        faults: dict[str, RecordError] = {}
        for said in [said for said in saids if said not in values]:
            try:
                values[said] = self._alone(keys[said])
            except RecordError as error:
                faults[said] = error
        return values, faults

    def _together(self, keys: dict[str, Any], lookup: Lookup) -> Iterator[tuple[str, object]]:
        """Those that a query finds to the letter; what it finds otherwise is for the manager to judge."""
        fitting = [said for said, key in keys.items() if len(key) == len(lookup.names)]
        for start in range(0, len(fitting), _CHUNK):
            chunk = fitting[start : start + _CHUNK]
            wanted = [models.Q(**dict(zip(lookup.names, keys[said], strict=True))) for said in chunk]
            try:
                rows = list(self.manager.filter(reduce(or_, wanted)).values_list(*lookup.names, self.target))
            except _UNFIT:
                continue
            found = {said_of(row[:-1]): row[-1] for row in rows}
            if len(found) == len(rows) and found.keys() <= {*chunk}:
                yield from ((said, value) for said, value in found.items() if value is not None)

    def _alone(self, key: Sequence[Any]) -> object:
        """As the manager finds it; raises RecordError."""
        label = self.model._meta.label
        if not hasattr(self.manager, "get_by_natural_key"):
            raise RecordError(f"{label} is not found by natural keys here: {told(key)}")
        try:
            found = self.manager.get_by_natural_key(*key)
        except (ObjectDoesNotExist, self.model.MultipleObjectsReturned, *_UNFIT) as error:
            raise RecordError(
                f"there is no {label} with the natural key {told(key)}, {self.absent}"
            ) from error
        value: object = getattr(found, self.target)
        if value is None:
            raise RecordError(f"the {label} with the natural key {told(key)} has no {self.target} here")
        return value
