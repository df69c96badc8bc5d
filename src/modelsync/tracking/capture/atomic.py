"""Saving and deleting a tracked object is one transaction with the capture of it, also where the project has
opened none. Where triggers capture, what was written only has to be given its place in the feed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import models, router, transaction

#: What our own wrapper of a method is for.
_ATOMIC, _WAKES = "modelsync_atomic", "modelsync_wakes"


def save_atomically(model: type[models.Model]) -> None:
    """Have `save_base()` of a model and of those that inherit from it make a transaction around what it does.

    Django sends `post_save` after the write of a single table has been committed. Where the write captures
    itself (fused.py) no transaction is needed.
    """
    from modelsync.tracking.capture.fused import fused

    if not getattr(model.save_base, _ATOMIC, False):
        model.save_base = _atomic(model.save_base)  # type: ignore[method-assign]  # that is what it is for
        for name in ("_do_update", "_do_insert"):
            setattr(model, name, fused(getattr(model, name)))


def delete_together(model: type[models.Model]) -> None:
    """Have `delete()` of a model append everything that goes with the object by one statement."""
    if not getattr(model.delete, _ATOMIC, False):
        model.delete = _gathered(model.delete)  # type: ignore[method-assign]  # as above


def wake_afterwards(model: type[models.Model]) -> None:
    """Have what `save_base()` and `delete()` of a model write be given its place in the feed at once."""
    for name in ("save_base", "delete"):
        plain = getattr(model, name)
        if not (getattr(plain, _WAKES, False) or getattr(plain, _ATOMIC, False)):
            setattr(model, name, _waking(plain))


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
        from modelsync.tracking.capture.fused import fuse, fusing_of

        alias = using or router.db_for_write(type(self), instance=self)
        fusing = fusing_of(self, update_fields, alias)
        with fuse(self, fusing) if fusing else transaction.atomic(using=alias, savepoint=False):
            plain(self, raw, force_insert, force_update, alias, update_fields)

    setattr(save_base, _ATOMIC, True)
    return save_base


def _gathered(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def delete(self: Any, *args: Any, **kwargs: Any) -> Any:
        from modelsync.tracking.log import gathering

        using = args[0] if args else kwargs.get("using")
        with gathering(using or router.db_for_write(type(self), instance=self)):
            return plain(self, *args, **kwargs)

    setattr(delete, _ATOMIC, True)
    return delete


def _waking(plain: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(plain)
    def write(self: Any, *args: Any, **kwargs: Any) -> Any:
        from modelsync.tracking.waking import wake

        written = plain(self, *args, **kwargs)
        wake(self._state.db or router.db_for_write(type(self), instance=self))
        return written

    setattr(write, _WAKES, True)
    return write
