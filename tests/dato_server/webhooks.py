"""Webhooks: what is told of an edit, and to whom. Tests say when; a delivery ends when its call does."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

from tests.dato_server.content import Block, Color, File, ItemType, LatLon, Record, StructuredText, Upload
from tests.dato_server.site import Event, Site

#: Seconds: to connect, and until the answer is there.
_CONNECTS: Final = 2.0
_ANSWERS: Final = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What came of a call; `status` is None where nobody answered in time."""

    call_id: str
    status: int | None
    seconds: float
    body: bytes = b""

    @property
    def succeeded(self) -> bool:
        """Whether DatoCMS would not try again."""
        return self.status is not None and 200 <= self.status < 300


class Webhook:
    """Tells one address of edits."""

    def __init__(self, site: Site, url: str, *, user: str | None = None, password: str = "") -> None:
        self.site = site
        self.url = url
        self.user = user
        self.password = password
        self._told = len(site.events)

    def deliver_new(self) -> list[Delivery]:
        """Tell of each edit since this webhook was made, or this was called, in order."""
        events = self.site.events[self._told :]
        self._told += len(events)
        return [self.deliver(each) for each in events]

    def deliver(self, event: Event, *, retries: int = 0) -> Delivery:
        """Tell of an edit; again with the same `webhook_call_id`, if it was told before."""
        return self.post(json.dumps(self.payload(event, retries=retries)).encode(), self.call_id(event))

    def call_id(self, event: Event) -> str:
        """The same for all attempts to tell of an edit."""
        return str(103_216_000 + event.number)

    def payload(self, event: Event, *, retries: int = 0) -> dict[str, Any]:
        """The body of a call."""
        is_item = isinstance(event.entity, Record)
        body: dict[str, Any] = {
            "site_id": "205",
            "webhook_id": "28374",
            "webhook_call_id": self.call_id(event),
            "event_triggered_at": event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "attempted_auto_retries_count": retries,
            "environment": event.environment,
            "is_environment_primary": event.environment == self.site.primary,
            "entity_type": "item" if is_item else "upload",
            "event_type": event.type,
            "entity": self._entity(event.entity, event.environment),
            "related_entities": [],
        }
        if isinstance(event.entity, Record):
            model = self.site.environment(event.environment).types[event.entity.type]
            body["related_entities"] = [_item_type(model)]
        if event.previous is not None and event.type != "delete":
            body["previous_entity"] = self._entity(event.previous, event.environment)
        return body

    def post(self, body: bytes, call_id: str = "") -> Delivery:
        """Send any body, with the right credentials."""
        parts = urlsplit(self.url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=_CONNECTS)
        started = time.monotonic()
        status, said = None, b""
        try:
            connection.connect()
            connection.sock.settimeout(_ANSWERS)
            path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            connection.request("POST", path, body=body, headers=self._headers())
            response = connection.getresponse()
            status, said = response.status, response.read()
        except (OSError, HTTPException):
            pass  # nobody answered: `status` says so
        finally:
            connection.close()
        return Delivery(call_id=call_id, status=status, seconds=time.monotonic() - started, body=said)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "DatoCMS (datocms.com)"}
        if self.user is not None:
            pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        return headers

    def _entity(self, entity: Record | Upload, environment: str) -> dict[str, Any]:
        if isinstance(entity, Upload):
            return self._upload(entity)
        model = self.site.environment(environment).types[entity.type]
        attributes = {
            shape.api_key: self._attribute(entity.content.get(shape.api_key), shape.localised)
            for shape in model.fields
        }
        if model.has_position:
            attributes["position"] = entity.position
        if model.is_tree:
            attributes["parent_id"] = entity.parent
        return {
            "id": entity.id,
            "type": "item",
            "attributes": attributes,
            "relationships": {"item_type": {"data": {"id": f"type-{entity.type}", "type": "item_type"}}},
            "meta": {
                "created_at": self._stamp(entity.created),
                "updated_at": self._stamp(entity.updated),
                "published_at": self._stamp(entity.published),
                "first_published_at": self._stamp(entity.first_published),
                "publication_scheduled_at": None,
                "unpublishing_scheduled_at": None,
                "is_valid": entity.is_valid,
                "status": entity.status,
            },
        }

    def _upload(self, upload: Upload) -> dict[str, Any]:
        attributes = {
            "filename": upload.filename,
            "size": upload.size,
            "width": upload.width,
            "height": upload.height,
            "md5": upload.md5,
            "mime_type": upload.mime_type,
            "path": upload.path,
            "created_at": self._stamp(upload.created),
            "updated_at": self._stamp(upload.updated),
        }
        return {"id": upload.id, "type": "upload", "attributes": attributes}

    def _stamp(self, at: datetime | None) -> str | None:
        return self.site.behaviour.stamp(at, precise=True) if at else None

    def _attribute(self, value: Any, is_localised: bool) -> Any:
        """A value as the management API has it: locales with hyphens, blocks and links as ids."""
        if is_localised and isinstance(value, Mapping):
            return {name.replace("_", "-"): self._attribute(each, False) for name, each in value.items()}
        match value:
            case Block():
                return value.id
            case StructuredText():
                return value.value
            case File():
                return {"upload_id": value.upload, "alt": value.alt, "title": value.title, "custom_data": {}}
            case Color():
                parts = ("red", "green", "blue", "alpha")
                return {name: getattr(value, name) for name in parts}
            case LatLon():
                return {"latitude": value.latitude, "longitude": value.longitude}
            case datetime():
                return self.site.behaviour.stamp(value, precise=True)
            case date():
                return value.isoformat()
            case list() | tuple():
                return [self._attribute(each, False) for each in value]
        return value


def _item_type(model: ItemType) -> dict[str, Any]:
    return {
        "id": f"type-{model.api_key}",
        "type": "item_type",
        "attributes": {
            "name": model.api_key.replace("_", " ").title(),
            "api_key": model.api_key,
            "singleton": model.is_singleton,
            "sortable": model.is_sortable,
            "tree": model.is_tree,
            "modular_block": model.is_block,
            "draft_mode_active": model.has_drafts,
        },
    }
