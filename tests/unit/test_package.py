"""The package as it is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

import modelsync


def test_importing_needs_no_django() -> None:
    """`import modelsync` works in a process that never configures Django, and does not even load it."""
    code = "import modelsync, sys; modelsync.Report(); sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazy names do not hide a misspelt one."""
    with pytest.raises(AttributeError, match="no attribute 'snyc'"):
        _ = modelsync.snyc
