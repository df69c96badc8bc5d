"""An application in memory: what a receiver must be, and all that can go wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from modelsync.core.errors import Transient
from modelsync.push.delivery.transport import Answer, Request

#: What happens to a request: it is taken and answered, or ...
Fault = Callable[["Postbox", Request], Answer]


def answered(status: int, said: object = None, **headers: str) -> Answer:
    """An answer."""
    body = b"" if said is None else json.dumps(said).encode()
    return Answer(status=status, headers=headers, body=body, seconds=0.001)


@dataclass
class Postbox:
    """Takes both versions of the wire; a Transport. `faults` are used up by the next requests."""

    faults: list[Fault] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    #: (model, key) -> (version, the fields or None)
    held: dict[tuple[str, str], tuple[int, dict[str, Any] | None]] = field(default_factory=dict)
    epochs: list[str] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    stale: int = 0
    #: The models of which it was told that it has everything.
    completed: list[str] = field(default_factory=list)

    def post(self, request: Request) -> Answer:
        """One request."""
        self.requests.append(request)
        if self.faults:
            return self.faults.pop(0)(self, request)
        return self.take(request)

    def close(self) -> None:
        """Nothing is open."""

    def take(self, request: Request) -> Answer:
        """As a receiver does it."""
        body = json.loads(request.body)
        if body.get("complete"):
            self.completed += body["complete"]
            return answered(200)
        if "changes" in body:
            return answered(200, {"results": [self._change(body["epoch"], each) for each in body["changes"]]})
        if body["uuid"] in self.refused:
            return answered(422, {"success": False, "error": "refused"})
        fields = None if body["type"] == "DELETE" else body["data"]
        version = 0 if fields is None else fields.get("version", 0)
        self.held[body["model"], body["uuid"]] = (version, fields)
        return answered(200, {"success": True})

    def _change(self, epoch: str, change: dict[str, Any]) -> dict[str, Any]:
        if epoch not in self.epochs:
            self.epochs.append(epoch)
            self.held = {key: (0, fields) for key, (_, fields) in self.held.items()}
        told = {name: change[name] for name in ("model", "pk", "version")}
        if change["pk"] in self.refused:
            return {**told, "status": "rejected", "error": "refused"}
        key = change["model"], change["pk"]
        if change["version"] <= self.held.get(key, (0, None))[0]:
            self.stale += 1
            return {**told, "status": "stale"}
        self.held[key] = (change["version"], None if change["op"] == "delete" else change["fields"])
        return {**told, "status": "ok"}

    def there(self, model: str) -> dict[str, dict[str, Any]]:
        """The objects of a model that it has, by key."""
        return {
            key: held for (name, key), (_, held) in self.held.items() if name == model and held is not None
        }


def lost_answer(postbox: Postbox, request: Request) -> Answer:
    """It takes the request, and the answer is lost."""
    postbox.take(request)
    raise Transient("the connection broke off")


def unreachable(postbox: Postbox, request: Request) -> Answer:
    """Nobody is there."""
    raise Transient("it cannot be reached")


def status(number: int, said: object = None, **headers: str) -> Fault:
    """It answers something, and takes nothing."""
    return lambda postbox, request: answered(number, said, **headers)
