"""Model fields of our own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _CharField = models.CharField[Any, Any]
    _DateTimeField = models.DateTimeField[Any, Any]
else:
    _CharField = models.CharField
    _DateTimeField = models.DateTimeField


class KeyField(_CharField):
    """Text whose equality is exact on every database: 'a' and 'A' are two keys.

    MySQL and MariaDB compare by collation, which usually ignores case. A `db_collation` in a
    migration would name a collation that other databases do not have, so it is chosen here.
    """

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        """The column's parameters, with a binary collation where the database folds case."""
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql" and not self.db_collation:
            return {**parameters, "collation": "utf8mb4_bin"}
        return parameters


class EditionField(_DateTimeField):
    """The time of the last edition: that of the creation, until somebody sets another."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """The instance's time; its `creation` where it has none."""
        if getattr(model_instance, self.attname) is None:
            setattr(model_instance, self.attname, getattr(model_instance, "creation", None))
        return super().pre_save(model_instance, add)
