"""Settings of a receiving site that is a process of its own."""

from __future__ import annotations

from tests.branch.pushing import settings_with
from tests.settings import *  # noqa: F403

ROOT_URLCONF = "tests.branch.urls"
MODELSYNC = settings_with()
ALLOWED_HOSTS = ["127.0.0.1"]
