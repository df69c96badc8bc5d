"""Django's settings for it; CLIENT_SITE_FOLDER is where its database is."""

from __future__ import annotations

import os
from pathlib import Path

SECRET_KEY = "only for tests"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["django.contrib.contenttypes", "objectsyncer", "tests.original.client_site"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ["CLIENT_SITE_FOLDER"]) / "client.sqlite3",
        "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "tests.original.client_site.urls"
USE_TZ = True
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None}

OBJECTSYNCER_ROLE = "CLIENT"
CLIENT_SITE_KEY = "the key of the branch"
