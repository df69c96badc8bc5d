"""Saving a tracked object is one transaction with the capture of it, where the project has opened none."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import models, router, transaction

_MARK = "_modelsync_atomic"


def save_atomically(model: type[models.Model]) -> None:
    """Have `save_base()` of a model and of those that inherit from it make a transaction around what it does.

    Django sends `post_save` after the write of a single table has been committed.
    """
    plain = model.save_base
    if not getattr(plain, _MARK, False):
        model.save_base = _atomic(plain)  # type: ignore[method-assign]  # that is what it is for


def _atomic(plain: Callable[..., None]) -> Callable[..., None]:
    @wraps(plain)
    def save_base(
        self: Any,
        raw: bool = False,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Any = None,
    ) -> None:
        alias = using or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=alias, savepoint=False):
            plain(self, raw, force_insert, force_update, alias, update_fields)

    setattr(save_base, _MARK, True)
    return save_base
