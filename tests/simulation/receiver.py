"""An application in memory: what a receiver must be. It sees whether it is told what is stale."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from modelsync.push.delivery.transport import Answer, Request
from tests.postbox import answered
from tests.simulation.truth import Place, State, Truth, View, plain


@dataclass(frozen=True)
class Letter:
    """A request, and how far each object was when it was written."""

    request: Request
    known: Mapping[Place, int]

    @property
    def places(self) -> list[Place]:
        """The objects in it."""
        body = json.loads(self.request.body)
        if "changes" in body:
            return [(each["model"], each["pk"]) for each in body["changes"]]
        return [(f"office.{body['model']}", body["uuid"])]


@dataclass
class Held:
    """What a receiver has of an object: a tombstone where `fields` is None."""

    version: int = 0
    creation: str = ""
    fields: State | None = None
    #: Which of the object's states it is. The receiver does not go by it, it only looks back on it.
    moment: int = 0


@dataclass
class Receiver:
    """Takes both versions of the wire. `findings` are the faults of the sender that it saw, by the truth.

    Where nobody knows that, it just takes what it is sent.
    """

    view: View
    truth: Truth | None = None
    held: dict[Place, Held] = field(default_factory=dict)
    refused: set[Place] = field(default_factory=set)
    #: Requests, or copies of them, that are still under way.
    late: list[Letter] = field(default_factory=list)
    #: Until when nobody else may send an object.
    leases: dict[Place, datetime] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    def take(self, letter: Letter, half: bool = False) -> Answer:
        """One request; with `half`, the answer names every other object only."""
        body = json.loads(letter.request.body)
        if "changes" not in body:
            return self._take_one(letter, body)
        results = [self._change(letter, each) for each in body["changes"]]
        return answered(200, {"results": results[:: 2 if half else 1]})

    def expect(self, letter: Letter, now: datetime, until: datetime) -> None:
        """A worker begins to send; what it has claimed nobody else may send for the time of its lease."""
        for place in letter.places:
            if now < self.leases.get(place, now):
                self.findings.append(f"{place} was sent by two workers at once")
            self.leases[place] = until

    def there(self) -> dict[Place, State]:
        """The objects that it has."""
        return {place: held.fields for place, held in self.held.items() if held.fields is not None}

    def _change(self, letter: Letter, change: Mapping[str, Any]) -> dict[str, Any]:
        """Version 2: the version fence, with tombstones."""
        place, version = (change["model"], change["pk"]), change["version"]
        told = {name: change[name] for name in ("model", "pk", "version")}
        if place in self.refused:
            return {**told, "status": "rejected", "error": "refused"}
        if not is_newer(version, self.held.get(place, Held())):
            return {**told, "status": "stale"}
        fields = None if change["op"] == "delete" else plain(change["fields"])
        self._put(letter, place, Held(version=version, fields=fields))
        return {**told, "status": "ok"}

    def _take_one(self, letter: Letter, body: Mapping[str, Any]) -> Answer:
        """Version 1: the object's own version, and its creation, where it has any."""
        place = f"office.{body['model']}", body["uuid"]
        if place in self.refused:
            return answered(422, {"success": False, "error": "refused"})
        known = self.held.get(place, Held())
        if body["type"] == "DELETE":
            self._put(letter, place, Held(version=known.version, creation=known.creation))
            return answered(200, {"success": True})
        state = plain(body["data"])
        new = Held(version=state.get("version", 0), creation=state.get("creation", ""), fields=state)
        if is_news(new, known):
            self._put(letter, place, new)
        return answered(200, {"success": True})

    def _put(self, letter: Letter, place: Place, new: Held) -> None:
        if self.truth is not None:
            self._look_back(self.truth, letter, place, new)
        self.held[place] = new

    def _look_back(self, truth: Truth, letter: Letter, place: Place, new: Held) -> None:
        moment = truth.when(self.view, place, new.fields, letter.known.get(place, 0))
        before = self.held.get(place, Held())
        if moment is None:
            self.findings.append(f"{place} was sent in a state that it never had: {new.fields}")
            moment = before.moment
        if moment < before.moment:
            what = "came back from the dead" if before.fields is None else "was replaced by an older state"
            self.findings.append(f"{place} {what}: state {before.moment} by state {moment}")
        new.moment = moment


def is_newer(version: int, known: Held) -> bool:
    """The fence of version 2. What is deleted has a version, too."""
    return version > known.version


def is_news(new: Held, known: Held) -> bool:
    """As PUSH.md has it for version 1."""
    if not new.version or not known.version:
        return True
    if new.creation != known.creation:
        return new.creation > known.creation
    return new.version > known.version if known.fields is None else new.version >= known.version
