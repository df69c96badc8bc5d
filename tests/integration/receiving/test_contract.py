"""The OpenAPI document says what the receiver does: checked by requests of all kinds, over HTTP."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
)

from tests.branch.pushing import KEY, SECRET, signature
from tests.separate import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

DOCUMENT = ROOT / "docs/reference/push-openapi.json"
#: Checks that do not know how requests are signed here, nor which answers are rejections.
JUDGED_HERE = [ignored_auth, negative_data_rejection, positive_data_acceptance]
schema = schemathesis.openapi.from_path(DOCUMENT)


class Sign(requests.auth.AuthBase):
    """Signs what has changes, and says the key for whatever else."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else bytes(body)
        try:
            is_second = "changes" in json.loads(body)
        except (ValueError, TypeError):
            is_second = False
        for name in ("Authorization", "webhook-id", "webhook-timestamp", "webhook-signature"):
            request.headers.pop(name, None)  # what the document's security schemes made up
        if not is_second:
            request.headers["Authorization"] = f"Api-Key {KEY}"
            return request
        now = int(time.time())
        request.headers["webhook-id"] = "msg_1"
        request.headers["webhook-timestamp"] = str(now)
        request.headers["webhook-signature"] = signature(body, "msg_1", now, SECRET)
        return request


@schema.hook
def map_body(context: Any, body: Any) -> Any:
    """Most models are ones that are taken, so that there is more to do than to ignore them."""
    names = ["Category", "Label", "Product", "Review", "Fussy"]
    for each in items(body):
        name = each.get("model") if isinstance(each, dict) else None
        if isinstance(name, str) and len(name) % 6 < len(names):
            each["model"] = ("shop." if "version" in each else "") + names[len(name) % 6]
    return body


def items(body: Any) -> list[Any]:
    """The changes of a body; the body itself where it has none."""
    changes = body.get("changes") if isinstance(body, dict) else None
    return changes if isinstance(changes, list) else [body]


def has_fractions(body: Any) -> bool:
    """Whether a number is written as 1.0: an integer to JSON Schema, but the protocol wants digits."""
    changes = body.get("changes") if isinstance(body, dict) else None
    items = changes if isinstance(changes, list) else [body]
    names = ("version", "pk", "uuid")
    return any(
        isinstance(each.get(name), float) for each in items if isinstance(each, dict) for name in names
    )


@schema.parametrize()
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
def test_the_receiver_does_what_the_document_says(case: schemathesis.Case, site: Any) -> None:
    """Whatever is sent, the answer is one of its, and nothing is taken without a key or a signature."""
    address = site.address.removesuffix("/push/receive/")
    with requests.Session() as session:
        session.auth = Sign()
        answer = case.call(base_url=address, session=session)
    case.validate_response(answer, excluded_checks=JUDGED_HERE)
    body = case.meta.components.get(ParameterLocation.BODY) if case.meta else None
    if case.method != "POST":
        assert answer.status_code == 405
    elif body and body.mode is GenerationMode.NEGATIVE:
        assert answer.status_code in (400, 413), answer.text
    elif not has_fractions(case.body):
        assert answer.status_code in (200, 202, 422), answer.text
    assert case.call(base_url=address).status_code in (401, 405)
