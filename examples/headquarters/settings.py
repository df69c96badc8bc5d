"""Settings of the example project: SQLite, or the server that DEMO_DATABASE names.

DEMO_DATABASE: sqlite (default), postgresql or mariadb. For the servers DEMO_USER, DEMO_PASSWORD,
DEMO_HOST and DEMO_PORT say where; the database `modelsync_demo` there belongs to the demo.
DEMO_FOLDER: where the SQLite file lies; the project's own folder by default.
"""

import os
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent


def database(kind: str) -> dict[str, Any]:
    """The entry of DATABASES for one kind of database."""
    if kind == "sqlite":
        folder = Path(os.environ.get("DEMO_FOLDER", BASE_DIR))
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": folder / "headquarters.sqlite3",
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30},
        }
    engine, user, port = {
        "postgresql": ("django.db.backends.postgresql", "postgres", "5432"),
        "mariadb": ("django.db.backends.mysql", "root", "3306"),
    }[kind]
    if kind == "mariadb":
        use_mariadb_driver()
    return {
        "ENGINE": engine,
        "NAME": "modelsync_demo",
        "USER": os.environ.get("DEMO_USER", user),
        "PASSWORD": os.environ.get("DEMO_PASSWORD", ""),
        "HOST": os.environ.get("DEMO_HOST", "127.0.0.1"),
        "PORT": os.environ.get("DEMO_PORT", port),
        "OPTIONS": {"charset": "utf8mb4"} if kind == "mariadb" else {},
    }


def use_mariadb_driver() -> None:
    """Where mysqlclient is not installed, PyMySQL under its name."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        import pymysql

        pymysql.version_info = (2, 2, 7, "final", 0)  # what Django asks of mysqlclient
        pymysql.install_as_MySQLdb()


DATABASES = {"default": database(os.environ.get("DEMO_DATABASE", "sqlite"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "modelsync",
    "catalogue",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "urls"
STATIC_URL = "static/"
SECRET_KEY = "only for the demo"
DEBUG = True
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
