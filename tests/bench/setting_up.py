"""What every benchmark begins with: Django, and the databases that answer."""

from __future__ import annotations

import os
import signal
import sys

import django


def set_up(wanted: str | None, default: str | None = None) -> list[str]:
    """Set Django up; the kinds of databases that answer, of those that are `wanted` (commas between)."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    os.environ.pop("MODELSYNC_TEST_NAME", None)
    os.environ["MODELSYNC_TEST_DB"] = "sqlite"
    django.setup()
    # What was made is dropped when the run is stopped, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    from tests import databases

    kinds = []
    for kind in (wanted or default or ",".join(databases.KINDS)).split(","):
        if databases.version(kind):
            kinds.append(kind)
        else:
            print(f"{kind} does not answer and is left out")
    return kinds
