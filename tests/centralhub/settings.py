"""Settings of a process of its own."""

from __future__ import annotations

INSTALLED_APPS = ["django.contrib.contenttypes", "objectsyncer", "tests.centralhub"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
MIGRATION_MODULES = {"objectsyncer": None}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "only for tests"
USE_TZ = True
DEBUG = False
OBJECTSYNCER_ROLE = "SERVER"
API_ENDPOINTS_CA = True
