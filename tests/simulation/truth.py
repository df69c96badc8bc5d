"""What was ever committed: the states of each object, one after the other."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from django.utils.dateparse import parse_datetime

from tests.office.models import Member, Thing, Unit

#: The values of an object's fields, plain enough to be compared; None where it is not there.
State: TypeAlias = dict[str, Any]
Place: TypeAlias = tuple[str, str]
#: What an application is to have of an object.
View: TypeAlias = Callable[[str, State], State | None]

_OF_MODEL: Final = {
    Thing: ("name", "price", "is_public"),
    Unit: ("version", "creation", "last_edition", "inactive", "code", "name"),
    Member: (
        *("version", "creation", "last_edition", "inactive"),
        *("name", "unit_id", "profile", "fee", "touched"),
    ),
}


@dataclass
class Truth:
    """The histories of all objects. `look()` has to be called after each commit."""

    using: str = "default"
    told: defaultdict[Place, list[State | None]] = field(default_factory=lambda: defaultdict(lambda: [None]))

    def look(self, models: Collection[str] = ("Thing", "Unit", "Member")) -> None:
        """Remember what there is; of these models, whose objects others may name."""
        wanted = {"Thing"} if {*models} == {"Thing"} else {model.__name__ for model in _OF_MODEL}
        now = dict(_everything(self.using, wanted))
        for place in {*now, *self.told}:
            states = self.told[place]
            if place[0].removeprefix("office.") in wanted and states[-1] != now.get(place):
                states.append(now.get(place))

    def now(self) -> dict[Place, int]:
        """How far each object is."""
        return {place: len(states) - 1 for place, states in self.told.items()}

    def newest(self, view: View) -> dict[Place, State]:
        """What an application is to have."""
        seen = {place: _seen(view, place, states[-1]) for place, states in self.told.items()}
        return {place: state for place, state in seen.items() if state is not None}

    def when(self, view: View, place: Place, state: State | None, until: int) -> int | None:
        """When an application was last to have this state of an object, as the number of the state."""
        states = self.told[place]
        for number in range(min(until, len(states) - 1), -1, -1):
            if _seen(view, place, states[number]) == state:
                return number
        return None


def _seen(view: View, place: Place, state: State | None) -> State | None:
    return None if state is None else view(place[0], state)


def _everything(using: str, models: Collection[str]) -> Iterator[tuple[Place, State]]:
    friends: Mapping[Any, list[Any]] = {}
    if "Member" in models:
        friends = _pairs(using, Member.friends.through, "from_member_id", "to_member_id")
    for model, names in _OF_MODEL.items():
        if model.__name__ not in models:
            continue
        label = model._meta.label
        active: Mapping[Any, list[Any]] = {}
        if model is not Thing:
            through = model.applications_active.through  # type: ignore[attr-defined]  # of the others
            active = _pairs(using, through, f"{model.__name__.lower()}_id", "application_id")
        for row in model._base_manager.using(using).values("pk", *names):
            key = row.pop("pk")
            state = plain({name.removesuffix("_id"): value for name, value in row.items()})
            if model is not Thing:
                state["active"] = frozenset(active.get(key, ()))
            if model is Member:
                state["friends"] = tuple(sorted(map(str, friends.get(key, ()))))
            yield (label, str(key)), state


def _pairs(using: str, through: Any, one: str, other: str) -> Mapping[Any, list[Any]]:
    found: defaultdict[Any, list[Any]] = defaultdict(list)
    for left, right in through._base_manager.using(using).values_list(one, other):
        found[left].append(right)
    return found


def plain(fields: Mapping[str, Any]) -> State:
    """Values, as the database has them or as they were sent, in a form that can be compared."""
    return {name: _PLAIN.get(name, _same)(value) for name, value in fields.items()}


def _same(value: Any) -> Any:
    return value


def _text(value: Any) -> Any:
    return None if value is None else str(value)


def _decimal(value: Any) -> Any:
    return None if value is None else f"{float(value):.2f}"


def _time(value: Any) -> Any:
    """To the millisecond: DjangoJSONEncoder has no more."""
    if value is None:
        return None
    read = value if isinstance(value, datetime) else parse_datetime(value)
    assert read is not None
    return read.astimezone(UTC).isoformat(timespec="milliseconds")


_PLAIN: Final[Mapping[str, Callable[[Any], Any]]] = {
    "price": _decimal,
    "fee": _decimal,
    "unit": _text,
    "profile": lambda value: json.dumps(json.loads(value) if isinstance(value, str) else value),
    "friends": lambda value: tuple(sorted(map(str, value))),
    "creation": _time,
    "last_edition": _time,
    "touched": _time,
}
