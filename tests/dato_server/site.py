"""A site: its environments with what they hold, its clock, its keys, and what the real one leaves open."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from threading import RLock
from typing import Final, Literal, TypeAlias

from tests.dato_server.content import ItemType, Record, Upload

EventType: TypeAlias = Literal["create", "update", "publish", "unpublish", "delete"]

_START: Final = datetime(2024, 5, 17, 8, 30, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """Time that passes when it is told to, and by `step` at each edit."""

    now: datetime = _START
    step: timedelta = timedelta(seconds=1, milliseconds=7)

    def advance(self, seconds: float) -> datetime:
        """Let time pass; the new time."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def tick(self) -> datetime:
        """The time of one more edit."""
        self.now += self.step
        return self.now


@dataclass(slots=True)
class Behaviour:
    """What is not documented, or varies: a connector is to be right under all of it."""

    #: A saved block moves `_updatedAt` of its record.
    block_moves_record: bool = True
    #: A saved draft moves `_updatedAt` of what is published, although its content stands still.
    draft_moves_published: bool = True
    #: A new place among siblings moves `_updatedAt`.
    reordering_moves_record: bool = False
    #: The API's stamps have milliseconds. Those of webhooks always have.
    milliseconds: bool = False
    #: Where errors other than those of queries are: bare, `{"data": ...}` or `{"data": [...]}`.
    errors: Literal["bare", "data", "data list"] = "data list"
    #: Minutes from UTC in which stamps are written.
    offset: int = 0
    max_complexity: int = 10_000_000

    def stamp(self, at: datetime, *, precise: bool | None = None) -> str:
        """A time as the API writes it, or as webhooks do where `precise`."""
        has_milliseconds = self.milliseconds if precise is None else precise
        at = at.astimezone(timezone(timedelta(minutes=self.offset)))
        return at.isoformat(timespec="milliseconds" if has_milliseconds else "seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What an API key may do."""

    can_read: bool = True
    can_read_drafts: bool = True


@dataclass(slots=True)
class Contents:
    """The records and assets of an environment, by id, in the order in which they were made."""

    records: dict[str, Record] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def copy(self) -> Contents:
        """The same, for good."""
        return Contents(dict(self.records), dict(self.uploads))


@dataclass(slots=True)
class Environment:
    """A copy of the whole content with its models."""

    name: str
    types: dict[str, ItemType]
    contents: Contents = field(default_factory=Contents)
    #: What the API shows instead, while it is behind.
    held: Contents | None = None

    @property
    def shown(self) -> Contents:
        """What the API shows."""
        return self.contents if self.held is None else self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An edit, as webhooks tell of it: `entity` as it is after, or was before it was deleted."""

    number: int
    type: EventType
    environment: str
    entity: Record | Upload
    previous: Record | Upload | None
    at: datetime


class Site:
    """All that a server serves. Editors and requests take `lock` while they look or write."""

    def __init__(
        self,
        types: Iterable[ItemType],
        *,
        locales: tuple[str, ...] = ("en",),
        token: str = "read-only-token",
        behaviour: Behaviour | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.locales = locales
        self.token = token
        self.tokens = {token: Token()}
        self.behaviour = behaviour or Behaviour()
        self.clock = clock or Clock()
        self.primary = "main"
        self.environments = {"main": Environment("main", {each.api_key: each for each in types})}
        self.events: list[Event] = []
        self.lag = Lag(self)
        self.lock = RLock()
        self._ids = 0

    def environment(self, name: str | None = None) -> Environment:
        """An environment, the primary one without a name. Raises KeyError where there is none."""
        return self.environments[self.primary if name is None else name]

    def fork(self, name: str, of: str | None = None) -> Environment:
        """A new environment that holds what another one does, with the same ids."""
        with self.lock:
            old = self.environment(of)
            made = Environment(name, dict(old.types), old.contents.copy())
            self.environments[name] = made
            return made

    def promote(self, name: str) -> None:
        """Make another environment the primary one."""
        self.environment(name)
        self.primary = name

    def define(self, type_: ItemType, environment: str | None = None) -> None:
        """Add a model, or change one."""
        with self.lock:
            self.environment(environment).types[type_.api_key] = type_

    def new_id(self) -> str:
        """An id like those of DatoCMS: 22 characters in no order, always the same ones in the same order."""
        self._ids += 1
        digest = hashlib.sha256(f"record {self._ids}".encode()).digest()[:16]
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def note(self, event: Event) -> Event:
        """Remember an edit, for webhooks."""
        event = replace(event, number=len(self.events) + 1)
        self.events.append(event)
        return event


class Lag:
    """How the API falls behind what was edited."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._left: int | None = None
        #: Requests that still see what was before, after each edit.
        self.requests = 0

    def hold(self, requests: int | None = None) -> None:
        """Show what is there now, for some requests or until `release()`, whatever is edited."""
        with self._site.lock:
            for each in self._site.environments.values():
                each.held = each.held or each.contents.copy()
            self._left = requests

    def release(self) -> None:
        """Show what is there."""
        with self._site.lock:
            for each in self._site.environments.values():
                each.held = None
            self._left = None

    def edited(self) -> None:
        """Something is about to be edited."""
        if self.requests:
            self.hold(self.requests)

    def answered(self) -> None:
        """A request was answered."""
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.release()
