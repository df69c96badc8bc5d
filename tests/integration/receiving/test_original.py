"""The original django-objectsyncer pushes to our receiver, over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.branch.models import Label, Product
from tests.branch.pushing import KEY
from tests.separate import ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_original_server_pushes(site: Any) -> None:
    """What it creates and changes is here; what is not taken is done for it; a wrong key is an error."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.centralhub.story", site.address, KEY],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.centralhub.settings", "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    story = json.loads(told.stdout.splitlines()[-1])
    created, changed, unsupported, refused = story["steps"]
    assert {tuple(each) for each in created} == {("Product", "DONE", None), ("Label", "DONE", None)}
    assert changed == [["Product", "DONE", None]]
    assert unsupported == [["Unit", "DONE", None]]
    assert [each[:2] for each in refused] == [["Product", "WAITING_AFTER_ERROR"]]
    product = Product.objects.using(site.alias).get()
    assert (str(product.pk), product.name, str(product.price)) == (story["uuid"], "Armchair", "12.50")
    assert (product.facts, product.version, product.inactive) == ({"legs": 4}, story["version"] - 1, False)
    assert (
        [each.name for each in product.labels.all()]
        == [Label.objects.using(site.alias).get().name]
        == ["new"]
    )
