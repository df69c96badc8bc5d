"""What every test may ask for, and the closing lines of a test run."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests import databases, separate
from tests.separate import SeparateDatabase

#: No random number decides whether the tests pass: property tests try the same examples every time.
#: `make explore` tries others. How busy the machine is decides nothing either.
_ALWAYS = {"database": None, "deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeat", derandomize=True, **_ALWAYS)
settings.register_profile("explore", derandomize=False, print_blob=True, **_ALWAYS)
settings.load_profile("repeat")

_COUNTED = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")


def pytest_configure(config: pytest.Config) -> None:
    kind = databases.chosen()
    if databases.version(kind) is None:
        raise pytest.UsageError(f"no {kind} server answers; start it, or choose another MODELSYNC_TEST_DB")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say which database it was; keep the counts where tests/run.py wants them."""
    import django

    kind = databases.chosen()
    versions = f"Python {platform.python_version()}, Django {django.__version__}"
    terminalreporter.write_line(f"databases: {kind} {databases.version(kind)} ({versions})")
    wanted = os.environ.get("MODELSYNC_TEST_COUNTS")
    if wanted:
        counts = {name: len(terminalreporter.stats.get(name, ())) for name in _COUNTED}
        Path(wanted).write_text(json.dumps(counts))


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Path) -> None:
    """Files that models keep go to a folder of the test's own."""
    settings.MEDIA_ROOT = tmp_path / "media"


@pytest.fixture(scope="session", autouse=True)
def _templates(django_db_blocker: Any) -> Iterator[None]:
    """What separate databases are copied from lives as long as the session."""
    yield
    with django_db_blocker.unblock():
        separate.drop_templates()


@pytest.fixture
def separate_database(
    tmp_path: Path, django_db_setup: None, django_db_blocker: Any
) -> Iterator[SeparateDatabase]:
    """A migrated database that sub-processes can open too, of the kind that this run tests."""
    with django_db_blocker.unblock(), separate.separate_database(tmp_path) as made:
        yield made
