"""Django's settings for two processes of the push benchmark: the site that receives, and the original's."""

from __future__ import annotations

import os

from tests import settings as common
from tests.bench.push_given import API_KEY, SIGNING_SECRET

DATABASES = common.DATABASES
SECRET_KEY = common.SECRET_KEY
USE_TZ = True
TIME_ZONE = "UTC"
DEFAULT_AUTO_FIELD = common.DEFAULT_AUTO_FIELD

if os.environ["MODELSYNC_BENCH_PUSH"] == "original":
    INSTALLED_APPS = ["django.contrib.contenttypes", "objectsyncer", "centralhub"]
    OBJECTSYNCER_ROLE = "SERVER"
    API_ENDPOINTS_CA = True
else:
    INSTALLED_APPS = [
        "django.contrib.contenttypes",
        "modelsync",
        "modelsync.tracking",
        "modelsync.push",
        "tests.bench.push_branch",
    ]
    ROOT_URLCONF = "tests.bench.push_branch.urls"
    ALLOWED_HOSTS = ["127.0.0.1"]
    # Its connections to the database last as long as those of the sender.
    DATABASES["default"]["CONN_MAX_AGE"] = None
    MODELSYNC = {
        "push": {
            "receiver": {
                "models": {"Unit": "push_branch.Unit"},
                "keys": [API_KEY],
                "secrets": [SIGNING_SECRET],
            }
        }
    }
