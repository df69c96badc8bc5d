"""What was tested on SQLite, so that `make check` after `make test` does not do it again."""

from __future__ import annotations

import subprocess
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_RECORD = ROOT / ".tested"


def remember() -> None:
    """The files as they are now, with this environment, have passed."""
    _RECORD.write_text(_fingerprint())


def forget() -> None:
    """Nothing has passed."""
    _RECORD.unlink(missing_ok=True)


def is_tested() -> bool:
    """Whether exactly this has passed."""
    return _RECORD.exists() and bool(said := _fingerprint()) and _RECORD.read_text() == said


def _fingerprint() -> str:
    """A hash of all files that are or may be committed, and of what is installed; empty outside of git."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.check_output(command, cwd=ROOT, stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    found = sha256()
    for name in sorted(set(names.split("\0"))):
        path = ROOT / name
        found.update(f"{name}\0".encode())
        found.update(path.read_bytes() if name and path.is_file() else b"")
    installed = sorted(f"{each.name} {each.version}" for each in distributions())
    found.update("\0".join(installed).encode())
    return found.hexdigest()
