"""Settings of a receiving site that has no tables for pushing: `modelsync.push` is not among its apps."""

from __future__ import annotations

import os

from tests import databases

DATABASES = {"default": databases.settings_for(databases.chosen(), os.environ.get("MODELSYNC_TEST_NAME"))}
INSTALLED_APPS = ["django.contrib.contenttypes", "modelsync", "tests.branch"]
ROOT_URLCONF = "tests.branch.urls"
SECRET_KEY = "only for tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MODELSYNC = {"push": {"receiver": {"models": {"Product": "branch.Product"}, "keys": ["k"]}}}
