"""Long lists of keys in queries.

Django's `__in` makes a parameter of each key; to prepare and send some hundreds of them costs more than the
query itself. Here a list is one parameter, where the database takes such.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db.models import F
from django.db.models.lookups import Lookup

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _Lookup = Lookup[Any]
else:
    _Lookup = Lookup


def among(name: str, values: Iterable[object]) -> Lookup[Any]:
    """A condition: the value of a field, or of `pk`, is one of these. None is never among them."""
    return _Among(F(name), [each for each in values if each is not None])


class _Among(_Lookup):
    """As `__in` has it."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: BaseDatabaseWrapper) -> Any:
        """The condition, and its parameters."""
        sql, params = self.process_lhs(compiler, connection)
        prepare = self.lhs.output_field.get_db_prep_value
        values = [prepare(each, connection) for each in self.rhs]
        if not values:
            raise EmptyResultSet
        kinds = set(map(type, values))
        if connection.vendor == "postgresql" and len(kinds) == 1 and kinds <= {int, str, UUID}:
            return f"{sql} = ANY(%s)", (*params, values)
        if connection.vendor == "sqlite" and kinds <= {int, str}:
            return f"{sql} IN (SELECT value FROM json_each(%s))", (*params, json.dumps(values))  # noqa: S608
        return f"{sql} IN ({', '.join(['%s'] * len(values))})", (*params, *values)
