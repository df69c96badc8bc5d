"""The documented contract is the one that is kept."""

from __future__ import annotations

import json
import re

import pytest
from django.test import RequestFactory

from modelsync.push.receiving.version1 import STATUSES
from modelsync.push.receiving.view import ReceiveView
from tests.branch.pushing import ADDRESS, settings_with, signature
from tests.separate import ROOT

pytestmark = pytest.mark.django_db

PAGE = (ROOT / "docs/reference/push-protocol.md").read_text()
DOCUMENT = json.loads((ROOT / "docs/reference/push-openapi.json").read_text())


def worked() -> dict[str, str]:
    """The worked example of a signature."""
    block = re.search(r"worked example.*?```text\n(.*?)```", PAGE, re.DOTALL)
    assert block
    return {name: value for name, value in (line.split(None, 1) for line in block[1].splitlines())}


def test_the_worked_example_of_a_signature(settings: object) -> None:
    """It is right, and the receiver takes it."""
    example = worked()
    body = example["body"].encode()
    right = signature(body, example["id"], example["timestamp"], example["secret"])
    assert right == example["signature"]
    settings.MODELSYNC = settings_with(secrets=[example["secret"]])  # type: ignore[attr-defined]
    headers = {f"webhook-{name}": example[name] for name in ("id", "timestamp", "signature")}
    view = ReceiveView.as_view(clock=lambda: int(example["timestamp"]) + 10)
    request = RequestFactory().post(ADDRESS, body, content_type="application/json", headers=headers)
    answer = view(request)
    assert (answer.status_code, len(json.loads(answer.content)["results"])) == (200, 1)


def test_every_status_is_documented() -> None:
    """On the page and in the OpenAPI document."""
    told = DOCUMENT["paths"]["/push/receive/"]["post"]["responses"]
    for status in {*STATUSES.values(), 400, 401, 413, 503}:
        assert str(status) in told
        assert re.search(rf"^\| .*\b{status}\b", PAGE, re.MULTILINE)
