"""System checks say what would be written unseen, and what cannot work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import django
import pytest
from django.db import connection, models
from django.test.utils import isolate_apps

from modelsync.core.errors import ConfigurationError
from modelsync.tracking import TrackedManager, track
from modelsync.tracking.checks import check_tracking, check_triggers
from modelsync.tracking.registry import REGISTRY, Capture, Tracked
from tests.hub.models import Article, Label

pytestmark = pytest.mark.database


@pytest.fixture
def tracked() -> Iterator[Callable[..., list[str]]]:
    """Track a model in some way, until the test is over; the ids of what is said of it."""
    before = dict(REGISTRY._tracked)

    def look(model: Any, **how: Any) -> list[str]:
        REGISTRY._tracked[model] = replace(REGISTRY._tracked.get(model, Tracked(model=model)), **how)
        return [f"{each.id} {each.msg}" for each in check_tracking()]

    yield look
    REGISTRY._tracked.clear()
    REGISTRY._tracked.update(before)


def test_all_is_well() -> None:
    """The models of the tests are seen whatever writes them."""
    assert check_tracking() == []


def test_triggers_need_postgresql(tracked: Callable[..., list[str]]) -> None:
    """It is said before anything is written."""
    said = tracked(Article, capture=Capture.TRIGGER)
    if connection.vendor == "postgresql":
        assert said == []
    else:
        assert said[0].startswith("modelsync.E102 hub.Article is tracked with capture='trigger', which needs")
        assert f"'default' is {connection.display_name}" in said[0]
        assert check_triggers(databases=["default"]) == []


def test_what_there_is_to_choose_from() -> None:
    """Another way of capturing is none."""
    with pytest.raises(ConfigurationError, match="capture='binlog' is none of orm, trigger"):
        track(Label, capture="binlog")  # type: ignore[arg-type]


def test_a_missing_extra() -> None:
    """One line says what to install."""
    code = """if True:
        import sys
        from importlib.machinery import PathFinder

        class Without(PathFinder):
            @classmethod
            def find_spec(cls, name, *rest):
                return None if name == "pgtrigger" else super().find_spec(name, *rest)

        sys.meta_path[:] = [Without if each is PathFinder else each for each in sys.meta_path]
        from modelsync.tracking.registry import _available
        _available("trigger")
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        "ConfigurationError: triggers need an extra: pip install 'django-modelsync[pgtrigger]'"
    )


@isolate_apps("tests.hub")
def test_related_managers(tracked: Callable[..., list[str]]) -> None:
    """They write through the base manager, if they write."""

    class Plain(models.Model):
        label = models.ForeignKey("hub.Label", models.CASCADE)
        hidden = models.ForeignKey("hub.Label", models.CASCADE, related_name="+")
        single = models.OneToOneField("hub.Label", models.CASCADE, related_name="single")
        objects = TrackedManager()

        class Meta:
            app_label = "hub"

    class Seen(models.Model):
        label = models.ForeignKey("hub.Label", models.CASCADE)
        objects = TrackedManager()

        class Meta:
            app_label = "hub"
            base_manager_name = "objects"

    assert tracked(Plain) == [
        "modelsync.W102 hub.Plain is tracked, but what related managers write to label by `add()` is not "
        "captured: they write through its base manager."
    ]
    assert len(tracked(Seen)) == 1
    tracked(Plain, capture=Capture.TRIGGER)
    assert not any("W102" in each for each in tracked(Seen))


@isolate_apps("tests.hub")
def test_managers_of_what_inherits(tracked: Callable[..., list[str]]) -> None:
    """And of what is inherited from, as far as it counts."""

    class Top(models.Model):
        name = models.CharField(max_length=5)

        class Meta:
            app_label = "hub"

    class Middle(Top):
        size = models.IntegerField()
        objects = TrackedManager()

        class Meta:
            app_label = "hub"

    assert [each[:28] for each in tracked(Middle)] == ["modelsync.W101 hub.Top is tr"]
    assert tracked(Middle, fields=frozenset(["size"])) == []


@pytest.mark.skipif(django.VERSION < (6, 1), reason="this Django has no on_delete of the database")
@isolate_apps("tests.hub")
def test_cascades_of_the_database(tracked: Callable[..., list[str]]) -> None:
    """They are errors: what goes that way would never reach anybody."""

    class Dependent(models.Model):
        label = models.ForeignKey("hub.Label", models.DB_CASCADE, related_name="+")
        objects = TrackedManager()

        class Meta:
            app_label = "hub"

    (said,) = tracked(Dependent)
    assert said.startswith(
        "modelsync.E104 hub.Dependent is tracked, but what the database does to it by itself"
    )
    assert said.endswith("because of `label` (on_delete=DB_CASCADE) is not captured.")
