"""What tracked objects hold at the moment, as a hash of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any, Final

import msgspec
from django.core.exceptions import ValidationError
from django.db import models

from modelsync.targets.django.schema import base_field
from modelsync.tracking.among import among
from modelsync.tracking.models import Ledger
from modelsync.tracking.registry import Tracked

SIZE: Final = 16  # bytes of a hash
#: What fields raise for stored values that are none of theirs.
_UNREADABLE: Final = (ValueError, TypeError, ArithmeticError, ValidationError)
#: Objects that are looked at together.
CHUNK: Final = 1_000


def key_of(value: object) -> str:
    """A primary key as changes and the ledger have it."""
    return str(value)


def is_plain(pk: models.Field[Any, Any]) -> bool:
    """Whether the database has the same text for a primary key as `key_of`."""
    field = base_field(pk)
    kinds = (models.IntegerField, models.UUIDField, models.CharField, models.TextField)
    return isinstance(field, kinds) and not hasattr(field, "from_db_value")


def digests(tracked: Tracked, keys: Sequence[str], using: str) -> dict[str, bytes]:
    """A hash of the tracked values of each object that is there, by its key.

    One query for the rows, and one for each many-to-many relation. An object whose values cannot be read
    has the hash of that fact, and holds nobody up: whoever reads it next says what is wrong.
    """
    try:
        return _digests(tracked, keys, using)
    except _UNREADABLE as error:
        if len(keys) == 1:
            return {keys[0]: blake2b(type(error).__name__.encode(), digest_size=SIZE).digest()}
        half = len(keys) // 2
        return {**digests(tracked, keys[:half], using), **digests(tracked, keys[half:], using)}


def _digests(tracked: Tracked, keys: Sequence[str], using: str) -> dict[str, bytes]:
    model = tracked.model
    manager = model._base_manager.using(using)
    wanted = list(_values(model._meta.pk, keys))
    names = [field.attname for field in counting(tracked)]
    rows = {key: [*values] for key, *values in manager.filter(among("pk", wanted)).values_list("pk", *names)}
    return digested(tracked, rows, using)


def digested(tracked: Tracked, rows: Mapping[Any, list[Any]], using: str) -> dict[str, bytes]:
    """A hash of each object, from its values that count, by primary key."""
    for relation in tracked.model._meta.many_to_many:
        if _counts(tracked, relation) and is_simple(relation):
            related = _related(relation, list(rows), using)
            for key, values in rows.items():
                values.append(sorted(related[key], key=str))
    encode = msgspec.json.Encoder(enc_hook=str, order="deterministic").encode
    return {key_of(key): blake2b(encode(values), digest_size=SIZE).digest() for key, values in rows.items()}


def counting(tracked: Tracked) -> list[Any]:
    """The columns of a tracked model that count."""
    return [field for field in tracked.model._meta.concrete_fields if _counts(tracked, field)]


def everything(tracked: Tracked, using: str) -> Iterator[list[str]]:
    """The keys of all objects that are there, or that the ledger takes for there, some at a time."""
    rows = tracked.model._base_manager.using(using).order_by("pk").values_list("pk", flat=True)
    here = map(key_of, rows.iterator(chunk_size=CHUNK))
    while some := list(islice(here, CHUNK)):
        yield some
    known = Ledger.objects.using(using).filter(model=tracked.label, deleted=False)
    keys = known.order_by("object_pk").values_list("object_pk", flat=True).iterator(chunk_size=CHUNK)
    while some := list(islice(keys, CHUNK)):
        there = digests(tracked, some, using)
        yield [key for key in some if key not in there]


def _values(pk: models.Field[Any, Any], keys: Sequence[str]) -> Iterator[object]:
    """The primary keys; what is none any more, since its field was changed, is nobody's."""
    for key in keys:
        try:
            yield pk.to_python(key)
        except ValidationError:
            continue


def is_simple(relation: models.ManyToManyField[Any, Any]) -> bool:
    """Whether nobody wrote a model for the relation, which would be tracked by itself."""
    through = relation.remote_field.through
    return through is not None and bool(through._meta.auto_created)


def _counts(tracked: Tracked, field: Any) -> bool:
    return tracked.fields is None or field.name in tracked.fields


def _related(
    relation: models.ManyToManyField[Any, Any], keys: Sequence[Any], using: str
) -> defaultdict[Any, list[Any]]:
    """The keys that a relation names, by those of the objects that name them."""
    through: Any = relation.remote_field.through
    source = through._meta.get_field(relation.m2m_field_name()).attname
    target = through._meta.get_field(relation.m2m_reverse_field_name()).attname
    found: defaultdict[Any, list[Any]] = defaultdict(list)
    pairs = through._base_manager.using(using).filter(among(source, keys))
    for key, named in pairs.values_list(source, target):
        found[key].append(named)
    return found
