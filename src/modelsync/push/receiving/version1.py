"""Version 1 of the wire: one object a request, as django-objectsyncer sends it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.utils import timezone
from django.utils.dateparse import parse_datetime

from modelsync.push.receiving.arrivals import Arrival, Result, Status
from modelsync.push.receiving.malformed import Malformed

DELETE: Final = "DELETE"
CREATE_OR_UPDATE: Final = "CREATE_OR_UPDATE"
#: The highest version that every database can keep.
_HIGHEST: Final = 2**63 - 1

#: The statuses of answers, by what became of the arrival.
STATUSES: Final[Mapping[Status, int]] = {
    Status.OK: 200,
    Status.STALE: 200,
    Status.IGNORED: 202,
    Status.UNREADY: 409,
    Status.REJECTED: 422,
}


def read(said: object) -> Arrival:
    """The arrival of `{"id", "type", "model", "uuid", "data"}`; raises Malformed."""
    if not isinstance(said, Mapping):
        raise Malformed("the body must be an object")
    missing = [name for name in ("uuid", "model", "type") if name not in said]
    if missing:
        raise Malformed(f"the body has no {missing[0]!r}")
    kind, key, name = said["type"], said["uuid"], said["model"]
    if kind not in (CREATE_OR_UPDATE, DELETE):
        raise Malformed(f"'type' must be {CREATE_OR_UPDATE} or {DELETE}")
    if not isinstance(name, str):
        raise Malformed("'model' must be a text")
    if isinstance(key, bool) or not isinstance(key, (str, int, UUID)):
        raise Malformed("'uuid' must be a text or a whole number")
    data = said.get("data")
    if data is None and kind == DELETE:
        data = {}
    if not isinstance(data, Mapping):
        raise Malformed("'data' must be an object")
    return Arrival(
        name=name,
        key=key,
        deletes=kind == DELETE,
        fields=dict(data),
        version=_version(data.get("version")),
        creation=_moment(data.get("creation")),
    )


def answer(result: Result) -> tuple[int, dict[str, Any]]:
    """The status of the answer, and its body."""
    is_success = result.status in (Status.OK, Status.STALE, Status.IGNORED)
    body: dict[str, Any] = {"success": is_success}
    return STATUSES[result.status], body if is_success else {**body, "error": result.error}


def _version(given: object) -> int | None:
    is_number = isinstance(given, int) and not isinstance(given, bool)
    return given if is_number and 0 <= given <= _HIGHEST else None  # type: ignore[operator,return-value]  # checked


def _moment(given: object) -> datetime | None:
    """A time of creation; None where it cannot be told."""
    try:
        moment = given if isinstance(given, datetime) else parse_datetime(str(given))
    except ValueError:
        return None
    if moment is None:
        return None
    return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
