"""What webhooks tell of edits, and how."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.dato_server import Color, Editor, File, Site, StructuredText, Webhook
from tests.integration.dato_server.asking import Client, new_site


class Receiver(ThreadingHTTPServer):
    """Keeps what it is told."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.heard: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def url(self) -> str:
        """Where it is to be told."""
        return f"http://127.0.0.1:{self.server_port}/dato-sync/sync/?a=1"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, dict(self.headers.items()), json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


@pytest.fixture
def site() -> Site:
    return new_site()


def told(site: Site, number: int = -1) -> dict[str, Any]:
    """The body that tells of an edit, the last one if nothing is said."""
    body: dict[str, Any] = Webhook(site, "http://nowhere").payload(site.events[number])
    assert json.loads(json.dumps(body)) == json.loads(json.dumps(body))
    return body


def test_a_call_has_all_that_is_documented(site: Site) -> None:
    """Milliseconds in its times, and the model beside the record."""
    made = Editor(site).create("author", {"name": "Ada", "bio": {"en": "E", "pt_BR": "P"}}, publish=False)
    body = told(site)
    assert {name: body[name] for name in body if not name.endswith(("entity", "entities"))} == {
        "site_id": "205",
        "webhook_id": "28374",
        "webhook_call_id": "103216001",
        "event_triggered_at": "2024-05-17T08:30:01Z",
        "attempted_auto_retries_count": 0,
        "environment": "main",
        "is_environment_primary": True,
        "entity_type": "item",
        "event_type": "create",
    }
    entity = body["entity"]
    assert entity["id"] == made.id
    assert entity["attributes"] == {"name": "Ada", "bio": {"en": "E", "pt-BR": "P"}}
    assert entity["meta"]["updated_at"] == "2024-05-17T08:30:01.007+00:00"
    assert entity["meta"]["status"] == "draft"
    (model,) = body["related_entities"]
    assert (model["type"], model["attributes"]["api_key"]) == ("item_type", "author")
    assert entity["relationships"]["item_type"]["data"]["id"] == model["id"]
    assert "previous_entity" not in body


def test_each_edit_is_an_event(site: Site) -> None:
    """Creating and publishing are two."""
    edit = Editor(site)
    made = edit.create("author", {"name": "a"})
    edit.update(made.id, {"name": "b"})
    edit.publish(made.id)
    edit.unpublish(made.id)
    edit.delete(made.id)
    names = [each.type for each in site.events]
    assert names == ["create", "publish", "update", "publish", "unpublish", "delete"]
    update = told(site, 2)
    assert update["previous_entity"]["attributes"]["name"] == "a"
    assert update["entity"]["attributes"]["name"] == "b"
    assert update["entity"]["meta"]["status"] == "updated"
    publish = told(site, 3)["entity"]["meta"]
    assert publish["updated_at"] == update["entity"]["meta"]["updated_at"] < publish["published_at"]
    assert told(site, 4)["entity"]["meta"]["status"] == "draft"
    assert told(site, 5)["entity"]["id"] == made.id


def test_the_api_has_whole_seconds_where_webhooks_have_milliseconds(client: Client) -> None:
    """So that the one never reaches the other, as text."""
    client.edit.create("author", {})
    shown = client.ask("{ author { _updatedAt } }")["author"]["_updatedAt"]
    assert shown == "2024-05-17T08:30:01+00:00"
    assert told(client.server.site, 0)["entity"]["meta"]["updated_at"] == "2024-05-17T08:30:01.007+00:00"


def test_values_are_those_of_the_management_api(site: Site) -> None:
    """Blocks and links as their ids, assets by what fields hold of them."""
    edit = Editor(site)
    asset = edit.upload("a.txt", b"x")
    block = edit.block("text_block", {"text": {"en": "t"}})
    content = {
        "paint": Color(1, 2, 3),
        "lead": block,
        "content": {"pt_BR": [block]},
        "body": StructuredText({"schema": "dast"}),
        "cover_image": File(asset.id, alt="A"),
        "related": ["x"],
        "extra": {"a": [1]},
        "day": "2024-01-01",
    }
    edit.create("blog_post", content)
    shown = told(site)["entity"]["attributes"]
    assert {name: shown[name] for name in content} == {
        "paint": {"red": 1, "green": 2, "blue": 3, "alpha": 255},
        "lead": block.id,
        "content": {"pt-BR": [block.id]},
        "body": {"schema": "dast"},
        "cover_image": {"upload_id": asset.id, "alt": "A", "title": None, "custom_data": {}},
        "related": ["x"],
        "extra": {"a": [1]},
        "day": "2024-01-01",
    }
    assert shown["title"] is None
    top = edit.create("category", {})
    edit.create("category", {}, parent=top.id)
    places = told(site)["entity"]["attributes"]
    assert (places["parent_id"], places["position"]) == (top.id, 1)


def test_assets_and_other_environments_are_told_of_too(site: Site) -> None:
    """With what they are."""
    site.fork("sandbox")
    made = Editor(site, "sandbox").upload("a.txt", b"x")
    body = told(site)
    assert (body["environment"], body["is_environment_primary"]) == ("sandbox", False)
    assert (body["entity_type"], body["entity"]["id"], body["related_entities"]) == ("upload", made.id, [])


def test_a_call_is_delivered_with_its_credentials(site: Site) -> None:
    """New edits once each; again, it is the same call."""
    edit = Editor(site)
    edit.create("author", {"name": "before"})
    with receiving() as receiver:
        webhook = Webhook(site, receiver.url, user="dato", password="sécret")
        edit.create("author", {"name": "a"})
        assert [each.succeeded for each in webhook.deliver_new()] == [True, True]
        assert webhook.deliver_new() == []
        again = webhook.deliver(site.events[-1], retries=1)
        assert (again.succeeded, again.status) == (True, 200)
        receiver.status = 503
        failed = webhook.deliver(site.events[-1])
        assert (failed.succeeded, failed.status) == (False, 503)
    path, headers, first = receiver.heard[0]
    assert path == "/dato-sync/sync/?a=1"
    assert headers["Authorization"] == "Basic " + b64encode("dato:sécret".encode()).decode()
    assert headers["Content-Type"] == "application/json"
    assert [body["event_type"] for _, _, body in receiver.heard[:2]] == ["create", "publish"]
    assert first["entity"]["attributes"]["name"] == "a"
    calls = [(body["webhook_call_id"], body["attempted_auto_retries_count"]) for _, _, body in receiver.heard]
    assert calls[1:] == [(calls[1][0], 0), (calls[1][0], 1), (calls[1][0], 0)]
    assert calls[0][0] != calls[1][0]


def test_a_receiver_that_is_not_there_is_a_failed_delivery(site: Site) -> None:
    """Without a status."""
    with receiving() as receiver:
        url = receiver.url
    Editor(site).create("author", {})
    delivery = Webhook(site, url).deliver(site.events[0])
    assert (delivery.status, delivery.succeeded) == (None, False)


def test_any_body_can_be_sent() -> None:
    """As one that is no event."""
    with receiving() as receiver:
        Webhook(new_site(), receiver.url).post(b'{"nothing": "known"}')
    ((_, headers, body),) = receiver.heard
    assert body == {"nothing": "known"}
    assert "Authorization" not in headers
