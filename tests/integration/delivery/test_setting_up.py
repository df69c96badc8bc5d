"""What a project that is set up wrongly is told, and what works where pushing is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelsync.push.checks import check_push
from tests.separate import ROOT

_SETTINGS = """
import sys
SECRET_KEY = "x"
USE_TZ = True
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {file!r}}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = {apps!r}
{more}
"""


class Project:
    """A Django project in a folder of its own, with an app `branch`."""

    def __init__(self, folder: Path, apps: list[str], models: str, more: str = "") -> None:
        self.folder = folder
        file = str(folder / "db.sqlite3")
        (folder / "project_settings.py").write_text(_SETTINGS.format(file=file, apps=apps, more=more))
        (folder / "branch").mkdir()
        (folder / "branch" / "__init__.py").touch()
        (folder / "branch" / "models.py").write_text(models)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Python there."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=os.environ
            | {
                "DJANGO_SETTINGS_MODULE": "project_settings",
                "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
            },
            capture_output=True,
            text=True,
            check=False,
        )


def ids(settings: Any, **push: Any) -> list[str | None]:
    settings.MODELSYNC = {"push": push}
    return [message.id for message in check_push()]


def test_the_settings_of_the_tests_are_right(settings: Any) -> None:
    """Nothing is said of what is right."""
    assert check_push() == []
    receiver = {"models": {"Unit": "office.Unit"}, "keys": ["a"]}
    assert ids(settings, timeout=5, receiver=receiver) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_out": 5},
        {"timeout": "5"},
        {"lease": 0},
        {"allow_private_targets": "yes"},
        {"encryption_keys": "one text"},
        {"receiver": ["office.Unit"]},
        {"receiver": {"modles": {}}},
        {"receiver": {"keys": "one text"}},
        {"receiver": {"max_body": 0}},
    ],
)
def test_wrong_settings_are_an_error(settings: Any, wrong: Any) -> None:
    """E112, before anything is sent; values that may be secret are not shown."""
    assert ids(settings, **wrong) == ["modelsync.E112"]
    assert "one text" not in str(check_push())


@pytest.mark.parametrize(
    "models",
    [
        {"Unit": "office.Nothing"},
        {"Unit": "no label"},
        {"Unit": {"model": "office.Unit", "fields": ["colour"]}},
        {"Unit": {"fields": ["name"]}},
        {"Thing": {"model": "office.Thing", "on_delete": "inactive"}},
    ],
)
def test_models_that_cannot_be_received_are_an_error(settings: Any, models: Any) -> None:
    """E113, and not the 503 of a request at night."""
    assert ids(settings, receiver={"models": models, "keys": ["a"]}) == ["modelsync.E113"]


def test_a_receiver_that_nobody_may_push_to_is_a_warning(settings: Any) -> None:
    """W111: neither keys nor secrets."""
    assert ids(settings, receiver={"models": {"Unit": "office.Unit"}}) == ["modelsync.W111"]
    assert ids(settings, receiver={"secrets": ["whsec_x"]}) == []


_UNVERSIONED = """
from django.db import models
from modelsync.push.models import TrackingAndVersioningBaseModel, VersionedManager
from modelsync.tracking import TrackedManager

class Right(TrackingAndVersioningBaseModel):
    ours = VersionedManager()

class Wrong(TrackingAndVersioningBaseModel):
    others = TrackedManager()
"""


def test_a_project_that_lacks_something_is_told(tmp_path: Path) -> None:
    """E111: no tracking; W112: no extra; W113: a manager that raises no versions."""
    apps = ["django.contrib.contenttypes", "modelsync", "modelsync.push", "branch"]
    without = 'sys.modules["cryptography"] = sys.modules["standardwebhooks"] = None'
    said = Project(tmp_path, apps, _UNVERSIONED, without).run("-m", "django", "check")
    assert said.returncode == 1
    assert "modelsync.E111" in said.stderr
    assert "cryptography and standardwebhooks" in said.stderr
    assert said.stderr.count("modelsync.W113") == 1
    assert "branch.Wrong: (modelsync.W113)" in said.stderr
    assert "Traceback" not in said.stderr


_BRANCH = """
from django.db import models
from modelsync.push.models import VersioningBaseModel

class Product(VersioningBaseModel):
    name = models.CharField(max_length=100)
"""
_USE = """
import django
django.setup()
from django.apps import apps
from django.core.management import call_command
from branch.models import Product
import modelsync.push.models

call_command("migrate", run_syncdb=True, verbosity=0)
made = Product.objects.create(name="a")
assert (made.version, made.inactive, made.pk.version) == (1, False, 4)
assert not [each for each in apps.get_models() if "push" in each._meta.label]
for name in ("Application", "JobChange", "Attempt", "TrackingAndVersioningBaseModel"):
    try:
        getattr(modelsync.push.models, name)
    except ImportError as error:
        assert name in str(error) and '"modelsync.push"' in str(error) and "INSTALLED_APPS" in str(error)
    else:
        raise AssertionError(name)
try:
    from modelsync.push.models import Application
except ImportError as error:
    assert "INSTALLED_APPS" in str(error)
    print("said")
"""


@pytest.mark.parametrize("more", [["modelsync"], ["modelsync", "modelsync.tracking"]])
def test_versioned_objects_need_no_tables_of_pushing(tmp_path: Path, more: list[str]) -> None:
    """A site that only receives has the base; what it cannot have says what it needs."""
    project = Project(tmp_path, ["django.contrib.contenttypes", *more, "branch"], _BRANCH)
    done = project.run("-c", _USE)
    assert (done.returncode, done.stdout, done.stderr) == (0, "said\n", "")
