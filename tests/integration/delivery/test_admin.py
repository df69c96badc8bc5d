"""The admin's pages. They need Django's admin, which the other tests run without."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.separate import ROOT


def test_the_pages() -> None:
    """All that is said in tests/admin/push_pages.py holds, with the settings beside it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment.pop("MODELSYNC_TEST_COUNTS", None)
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--ds", "tests.admin.settings"]
    done = subprocess.run(
        [sys.executable, *command, "tests/admin/push_pages.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
