"""Django's settings for the tests. `default` is the database of MODELSYNC_TEST_DB, `other` a SQLite."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import django

from tests import databases

# A sub-process that a test starts is told by MODELSYNC_TEST_NAME which database it shall use.
DATABASES = {
    "default": databases.settings_for(databases.chosen(), os.environ.get("MODELSYNC_TEST_NAME")),
    "other": databases.settings_for("sqlite"),
}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "modelsync",
    "modelsync.tracking",
    "modelsync.push",
    "tests.blog",
    "tests.branch",
    "tests.named",
    "tests.hub",
    "tests.office",
    "tests.shop",
]
SECRET_KEY = "only for tests"
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = os.environ.get("MODELSYNC_TEST_MEDIA") or str(Path(tempfile.gettempdir()) / "modelsync-media")
SILENCED_SYSTEM_CHECKS = [
    "models.W036",  # MariaDB has no conditional unique constraints: shop.Exclusive wants one elsewhere
]
MODELSYNC = {"push": {"allow_private_targets": True}}
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
