"""Pushing to the receiver in tests: requests as senders make them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.test import Client

ADDRESS = "/push/receive/"
KEY = "the key"
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ...").decode()
EPOCH = UUID(int=1)
#: Settings of the receiving site.
RECEIVER: dict[str, Any] = {
    "models": {
        "Category": "branch.Category",
        "Label": "branch.Label",
        "Product": "branch.Product",
        "Review": "branch.Review",
        "Price": "branch.Price",
        "Offer": "branch.Offer",
        "Machine": "branch.Machine",
        "Fussy": "branch.Fussy",
    },
    "keys": ["an old key", KEY],
    "secrets": [SECRET],
}


def settings_with(**changes: Any) -> dict[str, Any]:
    """settings.MODELSYNC of the receiving site."""
    return {"push": {"receiver": {**RECEIVER, **changes}}}


def signature(body: bytes, number: str, timestamp: int | str, secret: str = SECRET) -> str:
    """A signature of Standard Webhooks, worked out here."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{number}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def signed(body: bytes, *, now: float | None = None, secret: str = SECRET) -> dict[str, str]:
    """The headers of a request of version 2."""
    timestamp = int(time.time() if now is None else now)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(body, "msg_1", timestamp, secret),
    }


def change(
    model: str, pk: object, version: int, fields: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """One change; a deletion without fields."""
    op = "delete" if fields is None else "upsert"
    return {"model": f"hq.{model}", "pk": pk, "version": version, "op": op, "fields": fields, **more}


def push(changes: Sequence[Mapping[str, Any]], epoch: object = EPOCH) -> Any:
    """Push by version 2; the response."""
    body = json.dumps({"epoch": str(epoch), "changes": list(changes)}).encode()
    return Client().post(ADDRESS, body, content_type="application/json", headers=signed(body))


def statuses(*changes: Mapping[str, Any], epoch: object = EPOCH) -> list[str]:
    """What becomes of changes that are pushed by version 2."""
    response = push(changes, epoch)
    assert response.status_code == 200, response.content
    return [each["status"] for each in response.json()["results"]]


def send(
    model: str, uuid: object, data: Mapping[str, Any] | None, *, key: str = KEY, deletes: bool = False
) -> Any:
    """Push by version 1; the response."""
    body = {
        "id": 1,
        "type": "DELETE" if deletes else "CREATE_OR_UPDATE",
        "model": model,
        "uuid": str(uuid),
        "data": data,
    }
    headers = {"Authorization": f"Api-Key {key}"}
    return Client().post(ADDRESS, body, content_type="application/json", headers=headers)
