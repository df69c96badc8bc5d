"""A real project moves from django-objectsyncer 1.0.1 to here, with its data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.separate import ROOT, SeparateDatabase

pytestmark = pytest.mark.database

_SETTINGS = """
from tests.settings import DATABASES, SECRET_KEY, USE_TZ, DEFAULT_AUTO_FIELD
INSTALLED_APPS = ["django.contrib.contenttypes", "objectsyncer", "club"]
MIGRATION_MODULES = {"objectsyncer": "club.their_migrations"}
OBJECTSYNCER_ROLE = "SERVER"
"""
_MORE = """
INSTALLED_APPS = ["modelsync", "modelsync.tracking", "modelsync.push", *INSTALLED_APPS]
"""
_MODELS = """
from django.db import models
from model_utils import FieldTracker
from objectsyncer.models import TrackingAndVersioningBaseModel

class Unit(TrackingAndVersioningBaseModel):
    name = models.CharField(max_length=250)
    tracker = FieldTracker()
"""
_BEFORE = """
import django; django.setup()
from club.models import Unit
from objectsyncer.models import Application, JobChange

Application.objects.create(name="first", api_endpoint_base="https://a.test/", api_token_key="a")
second = Application.objects.create(name="second", api_endpoint_base="https://b.test/", api_token_key="b")
unit = Unit.objects.create(name="One")
unit.applications_active.add(second)
unit.name = "Two"
unit.save()
gone = Unit.objects.create(name="Gone")
gone.delete()
assert {job.status for job in JobChange.objects.all()} == {"WAITING"}
"""
_AFTER = """
import django; django.setup()
from club.models import Unit
from modelsync.push.models import Application, JobChange

unit = Unit.objects.get()
assert [(each.name, each.api_token_key) for each in unit.applications_active.all()] == [("second", "b")]
before = unit.version
unit.name = "Three"
unit.save()
assert (unit.version, Unit.objects.get().version) == (before + 1, before + 1)
jobs = JobChange.objects.filter(application__name="first", target_label="club.Unit")
assert {job.change_type for job in jobs} == {"CREATE_OR_UPDATE", "DELETE"}
unit.applications_active.add(Application.objects.get(name="first"))
assert unit.applications_active.count() == 2
"""


def keep_relations(migration: Path) -> None:
    """What the documentation tells to do: Django 6.1 takes the relation away, and adds an empty one."""
    text = migration.read_text()
    removal = re.compile(
        r"migrations\.RemoveField\(\s*model_name='unit',\s*name='applications_active',\s*\),\s*"
    )
    if removal.search(text):
        text = removal.sub("", text).replace("migrations.AddField(", "migrations.AlterField(")
        migration.write_text(text)


def test_a_project_moves(separate_database: SeparateDatabase, tmp_path: Path) -> None:
    """As the documentation has it: the tables are taken over, the models keep their rows."""
    if missing := [name for name in ("objectsyncer", "rest_framework") if find_spec(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    app = tmp_path / "club"
    (app / "their_migrations").mkdir(parents=True)
    for name in ("__init__.py", "their_migrations/__init__.py"):
        (app / name).touch()
    (tmp_path / "club_settings.py").write_text(_SETTINGS)
    (app / "models.py").write_text(_MODELS)

    def run(*arguments: str) -> str:
        environment = os.environ | separate_database.environment
        environment |= {
            "DJANGO_SETTINGS_MODULE": "club_settings",
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def manage(*arguments: str) -> str:
        return run("-m", "django", *arguments)

    manage("makemigrations", "objectsyncer", "club")
    manage("migrate", "club")
    run("-c", _BEFORE)

    (tmp_path / "club_settings.py").write_text(_SETTINGS + _MORE)
    assert "2 found, 2 copied" in manage("modelsync_adopt", "objectsyncer")
    (app / "models.py").write_text(_MODELS.replace("objectsyncer.models", "modelsync.push.models"))
    manage("makemigrations", "club", "-n", "moved")
    keep_relations(app / "migrations" / "0002_moved.py")
    manage("migrate", "club")
    run("-c", _AFTER)
    assert "No changes detected" in manage("makemigrations", "club")
    assert "first: 1 Unit, DELETE" in manage("push_changes", "--dry-run")
