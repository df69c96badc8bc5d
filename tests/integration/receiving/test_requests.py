"""Which requests are taken, and what the others are answered."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import Client, RequestFactory, override_settings

from modelsync.push.receiving.view import ReceiveView
from tests.branch.models import Category, Label
from tests.branch.pushing import (
    ADDRESS,
    EPOCH,
    KEY,
    SECRET,
    change,
    push,
    send,
    settings_with,
    signature,
    signed,
    statuses,
)

pytestmark = pytest.mark.django_db

NOW = 1_800_000_000
BODY = json.dumps({"epoch": str(EPOCH), "changes": [change("Category", 1, 1, {"code": "x"})]}).encode()
OTHER = "whsec_" + base64.b64encode(b"another secret of the same length").decode()


def ask(body: bytes, headers: dict[str, str]) -> Any:
    """POST to a view for which it is `NOW`."""
    request = RequestFactory().post(ADDRESS, body, content_type="application/json", headers=headers)
    return ReceiveView.as_view(clock=lambda: NOW)(request)


def test_a_signed_request_is_taken() -> None:
    """By each of the secrets, with several signatures, and up to five minutes early or late."""
    for now in (NOW, NOW - 300, NOW + 300):
        assert ask(BODY, signed(BODY, now=now)).status_code == 200
    headers = signed(BODY, now=NOW, secret=OTHER)
    assert ask(BODY, headers).status_code == 401
    with override_settings(MODELSYNC=settings_with(secrets=[OTHER, SECRET])):
        assert ask(BODY, headers).status_code == 200
    right = signature(BODY, "msg_1", NOW)
    for given in (f"v1,AAAA {right}", f"v1a,x {right} v2,y", f"{right} v1,???"):
        assert ask(BODY, {**headers, "webhook-signature": given}).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-timestamp": str(NOW - 301)},
        {"webhook-timestamp": str(NOW + 301)},
        {"webhook-timestamp": "1e9"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": f"{NOW}.0"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": f" {NOW - 1}"},
        {"webhook-id": "msg_2"},
        {"webhook-id": ""},
        {"webhook-id": "x" * 10_000},
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,not base64!"},
        {"webhook-signature": "v1,\xe9\xe8"},
        {"webhook-signature": "v1,a,b,c"},
        {"webhook-signature": signature(BODY + b" ", "msg_1", NOW)},
        {"webhook-signature": signature(BODY, "msg_1", NOW).replace("v1,", "v2,")},
    ],
)
def test_whatever_is_wrong_with_a_signature_is_401(changed: dict[str, str]) -> None:
    """Malformed or wrong, old or new; nothing is taken."""
    answer = ask(BODY, {**signed(BODY, now=NOW), **changed})
    assert answer.status_code == 401
    assert json.loads(answer.content)["success"] is False
    assert not Category.objects.exists()


def test_signed_bytes_that_are_no_text() -> None:
    """They are refused before anything is made of them."""
    body = b"\xff\xfe"
    assert ask(body, signed(body, now=NOW)).status_code == 401


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_all_headers_of_a_signature_are_needed(missing: str) -> None:
    """Even where there is a key."""
    headers = {name: value for name, value in signed(BODY, now=NOW).items() if name != missing}
    assert ask(BODY, {**headers, "Authorization": f"Api-Key {KEY}"}).status_code == 401


@pytest.mark.parametrize(
    "said",
    ["", KEY, f"Bearer {KEY}", "Api-Key", "Api-Key ", "Api-Key the ke", "Api-Key the key2", "Api-Key \xe9"],
)
def test_a_wrong_key_is_401(said: str) -> None:
    """Also none at all."""
    answer = ask(b"{}", {"Authorization": said} if said else {})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Api-Key")


def test_keys_and_secrets_must_be_set() -> None:
    """Nobody gets in where there is none, or an empty one."""
    with override_settings(MODELSYNC=settings_with(keys=[], secrets=[])):
        assert ask(BODY, signed(BODY, now=NOW)).status_code == 401
        assert ask(b"{}", {"Authorization": "Api-Key "}).status_code == 401
        assert send("Category", 1, {"code": "x"}).status_code == 401


def test_every_key_is_taken() -> None:
    """While one is replaced by another."""
    assert send("Category", 1, {"code": "x"}, key="an old key").status_code == 200


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
def test_only_post(method: str) -> None:
    """405 for whatever else."""
    answer = getattr(Client(), method)(ADDRESS)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_a_site_that_receives_nothing(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """It says so, and when to come again; the log says why."""
    settings.MODELSYNC = {}
    answer = send("Category", 1, {"code": "x"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "300")
    settings.MODELSYNC = settings_with(models={"Category": "branch.Nothing"})
    assert send("Category", 1, {"code": "x"}).status_code == 503
    settings.MODELSYNC = settings_with(secrets=["whsec_?"])
    assert push([]).status_code == 503
    reasons = [record.__dict__.get("reason", "") for record in caplog.records]
    assert any("branch.Nothing" in reason for reason in reasons)
    assert not any("whsec_?" in reason for reason in reasons)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"model": "branch.Category", "field": ["code"]},
        {"model": "branch.Category", "fields": ["cod"]},
        {"model": "branch.Category", "on_delete": "keep"},
        {"model": "branch.Category", "on_delete": "inactive"},
        {"model": "modelsync_push.Received"},
        "Category",
    ],
)
def test_settings_that_cannot_be(settings: Any, entry: object) -> None:
    """They stop what comes; senders keep it."""
    settings.MODELSYNC = settings_with(models={"Category": entry})
    assert send("Category", 1, {"code": "x"}).status_code == 503


class _Body:
    """What a sender sends, and how much of it was read."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        taken = self.left if size < 0 else min(size, self.left)
        self.left -= taken
        self.taken += taken
        return b" " * taken


def post(size: int, said: int) -> tuple[int, int]:
    """POST a body of a size, with a length that is said; the status, and the bytes that were read."""
    body = _Body(size)
    factory = RequestFactory()
    request: HttpRequest = factory.generic("POST", ADDRESS, headers={"Authorization": f"Api-Key {KEY}"})
    request.META["CONTENT_LENGTH"] = str(said)
    request._stream = body  # type: ignore[attr-defined]  # as servers give it
    return ReceiveView.as_view()(request).status_code, body.taken


def test_a_body_that_is_too_long_is_not_read(settings: Any) -> None:
    """Not at all where its length is told, and not to its end where it is not."""
    settings.MODELSYNC = settings_with(max_body=1000)
    assert post(10_000_000, 10_000_000) == (413, 0)
    assert post(10_000_000, 0) == (413, 1001)
    assert post(1000, 1000) == (400, 1000)


def test_more_than_django_would_read(settings: Any) -> None:
    """DATA_UPLOAD_MAX_MEMORY_SIZE is for forms."""
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert push([change("Category", 1, 1, {"code": "x" * 10, "more": "x" * 3_000})]).status_code == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "the body is no JSON"),
        (b"{", "the body is no JSON"),
        (b"[" * 100_000, "the body is no JSON"),
        (b"[]", "the body must be an object"),
        (b"{}", "the body has no 'uuid'"),
        (b'{"uuid": "a", "model": "M"}', "the body has no 'type'"),
        (b'{"uuid": "a", "model": "M", "type": "X"}', "'type' must be CREATE_OR_UPDATE or DELETE"),
        (b'{"uuid": "a", "model": 5, "type": "DELETE"}', "'model' must be a text"),
        (b'{"uuid": 1.5, "model": "M", "type": "DELETE"}', "'uuid' must be a text or a whole number"),
        (b'{"uuid": [], "model": "M", "type": "DELETE"}', "'uuid' must be a text or a whole number"),
        (b'{"uuid": "a", "model": "M", "type": "CREATE_OR_UPDATE"}', "'data' must be an object"),
        (b'{"uuid": "a", "model": "M", "type": "CREATE_OR_UPDATE", "data": []}', "'data' must be an object"),
    ],
)
def test_malformed_bodies_of_version_1(body: bytes, error: str) -> None:
    """400, with what is wrong."""
    answer = ask(body, {"Authorization": f"Api-Key {KEY}"})
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"].startswith(error)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "the body is no JSON"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"changes": []}', "Object missing required field `epoch`"),
        (b'{"epoch": "x", "changes": []}', "Invalid UUID - at `$.epoch`"),
        (b'{"epoch": "%s", "changes": {}}', "Expected `array`, got `object` - at `$.changes`"),
        (
            b'{"epoch": "%s", "changes": [{"model": "M"}]}',
            "Object missing required field `pk` - at `$.changes[0]`",
        ),
        (
            b'{"epoch": "%s", "changes": [{"model": "M", "pk": 1, "version": 0, "op": "delete"}]}',
            "Expected `int` >= 1 - at `$.changes[0].version`",
        ),
        (
            b'{"epoch": "%s", "changes": [{"model": "M", "pk": 1, "version": 1, "op": "insert"}]}',
            "Invalid enum value 'insert' - at `$.changes[0].op`",
        ),
        (
            b'{"epoch": "%s", "changes": [{"model": "M", "pk": 1, "version": 1, "op": "upsert"}]}',
            "Object missing required field `fields` - at `$.changes[0]`",
        ),
    ],
)
def test_malformed_bodies_of_version_2(body: bytes, error: str) -> None:
    """400, with what is wrong and where."""
    body = body.replace(b"%s", str(EPOCH).encode())
    answer = ask(body, signed(body, now=NOW))
    assert answer.status_code == 400
    assert json.loads(answer.content)["error"].startswith(error)


def test_too_many_changes() -> None:
    """A hundred at most; none is nothing."""
    changes = [change("Category", number, 1, {"code": "x"}) for number in range(1, 102)]
    assert push(changes).status_code == 413
    assert push(changes[:100]).status_code == 200
    assert Category.objects.count() == 100
    assert push([]).json() == {"results": []}


def _fail(execute: Any, sql: str, *rest: Any) -> Any:
    if "branch_category" in sql and "INSERT" in sql:
        raise OperationalError("no space left for the secret value")
    return execute(sql, *rest)


def test_a_database_that_fails() -> None:
    """Nothing is taken, and the sender comes again soon."""
    changes = [change("Label", str(EPOCH), 1, {"name": "x"}), change("Category", 1, 1, {"code": "x"})]
    with connection.execute_wrapper(_fail):
        answer = push(changes)
        other = send("Category", 1, {"code": "x"})
    assert (answer.status_code, answer["Retry-After"], other.status_code) == (503, "5", 503)
    assert b"secret" not in answer.content
    assert not Label.objects.exists()
    assert statuses(*changes) == ["ok", "ok"]


def test_nothing_of_values_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever becomes of a request."""
    caplog.set_level(logging.DEBUG, logger="modelsync")
    push([change("Fussy", 1, 1, {"name": "worse"}), change("Product", "secret", 1, {"name": "secret"})])
    send("Category", 1, {"code": "secret" * 10})
    send("Category", 1, {"code": "x"}, key="secret key")
    told = [
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records if "modelsync" in record.name
    ]
    assert len(told) == 1
    assert "RuntimeError" in told[0]
    assert "models.py:" in told[0]
    assert "secret" not in "".join(told)
