"""Django's settings for the processes of the capture benchmark that are ours."""

from __future__ import annotations

from tests import settings as common

DATABASES = common.DATABASES
SECRET_KEY = common.SECRET_KEY
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = common.DEFAULT_AUTO_FIELD
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "modelsync",
    "modelsync.tracking",
    "tests.bench.capture_models",
]
