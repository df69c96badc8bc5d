"""The `Route` that other sites pull from, under the name that users of django-synctool know."""

from modelsync.serving.route import Route

__all__ = ["Route"]
