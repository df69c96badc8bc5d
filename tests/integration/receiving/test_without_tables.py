"""The handler where `modelsync.push` is not among the apps."""

from __future__ import annotations

import json

import pytest

from tests.separate import SeparateDatabase

pytestmark = [pytest.mark.django_db, pytest.mark.database]

STORY = """
import json, uuid
from django.apps import apps
from django.test import Client
from modelsync.push.models import VersioningBaseModel
from modelsync.push.receiver import RestAPIJobChangePushHandler
from tests.branch.models import Label, Product, Review

assert not apps.is_installed("modelsync.push")
handler = RestAPIJobChangePushHandler("branch", ["Label", "Product", "Review"])
A, L = (str(uuid.UUID(int=number)) for number in (1, 2))
told = []

def tell(model, uuid, data, kind="CREATE_OR_UPDATE"):
    response = handler.process({"id": 1, "type": kind, "model": model, "uuid": uuid, "data": data})
    told.append([response.status_code, response.data.get("error"), [p.name for p in Product.objects.all()]])

one, two = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
tell("Product", A, {"name": "missing", "version": 1, "labels": [L]})
tell("Review", 1, {"product": A})
tell("Label", L, {"name": "l"})
tell("Product", A, {"name": "three", "version": 3, "creation": one, "labels": [L], "what": "ever"})
tell("Review", 1, {"product": A})
tell("Product", A, {"name": "late", "version": 2, "creation": one})
tell("Product", A, {"name": "again", "version": 3, "creation": one})
tell("Product", A, {"name": "second", "version": 1, "creation": two})
tell("Product", A, {"name": "x" * 101, "version": 2, "creation": two})
tell("Product", A, None, "DELETE")
answer = Client().post("/push/receive/", headers={"Authorization": "Api-Key k"})
told.append([Review.objects.count(), answer.status_code])
print(json.dumps(told))
"""


def test_versions_of_the_objects_themselves_count(separate_database: SeparateDatabase) -> None:
    """And what refers to something that is not here has to come again."""
    ran = separate_database.run(
        "shell", "-v", "0", "-c", STORY, env={"DJANGO_SETTINGS_MODULE": "tests.branch.alone"}
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    missing = "there is no branch.{} here (yet)"
    a, label = (f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2))
    assert told == [
        [409, "labels: " + missing.format(f"Label {label}"), []],
        [409, "product: " + missing.format(f"Product {a}"), []],
        [200, None, []],
        [200, None, ["three"]],
        [200, None, ["three"]],
        [200, None, ["three"]],
        [200, None, ["again"]],
        [200, None, ["second"]],
        [422, "name: it is 101 characters long, name takes 100", ["second"]],
        [200, None, []],
        [0, 503],
    ]
