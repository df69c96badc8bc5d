"""Objects whose changes are pushed, and whose version rises with each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final, Generic, Literal, Self, TypeVar
from uuid import UUID

from django.db import models, transaction
from django.db.models import F
from django.db.models.signals import class_prepared
from django.utils import timezone

from modelsync.push.versioning import VersioningBaseModel
from modelsync.tracking.capture.querysets import TrackedQuerySet
from modelsync.tracking.registry import track

M = TypeVar("M", bound=models.Model)

#: Fields that say that something changed, not what.
_OWN: Final = frozenset({"version", "last_edition"})
_IMMUTABLE: Final = (str, int, float, bool, bytes, Decimal, UUID, date, time, timedelta, type(None))


class VersionedQuerySet(TrackedQuerySet[M], Generic[M]):
    """A queryset whose updates raise the versions of what they write."""

    def update(self, **kwargs: Any) -> int:
        """See Django's; the objects that it writes are captured, and their versions raised by one.

        Whoever sets the version, or a field of a model that this one inherits from alone, has it as it is.
        """
        if _OWN.isdisjoint(kwargs):
            kwargs = {**kwargs, "version": F("version") + 1, "last_edition": timezone.now()}
        with transaction.atomic(using=self.db, savepoint=False):
            written = super().update(**kwargs)
            if kwargs.get("inactive"):
                _clear_active(self.model, self.db)
        return written

    update.alters_data = True  # type: ignore[attr-defined]  # as Django marks its own


class VersionedManager(models.Manager[M]):
    """Brings the queryset to a model."""

    _queryset_class = VersionedQuerySet


class TrackingAndVersioningBaseModel(VersioningBaseModel):
    """What is pushed: a save that changes something raises the version by one, and every change reaches all
    applications. `applications_active` are those for which the object is active; for others, and for all
    once it is `inactive`, it is sent as inactive.

    A `Meta` of your own should inherit this one's, so that what related managers write is captured, too.
    """

    applications_active = models.ManyToManyField("modelsync_push.Application", blank=True)

    objects = VersionedManager()

    #: How changes are captured: by the "orm", or on PostgreSQL by a "trigger".
    tracking_capture: ClassVar[Literal["orm", "trigger"]] = "orm"

    _raises = False

    class Meta:
        abstract = True
        base_manager_name = "objects"

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any, **kwargs: Any) -> Self:
        """An instance that knows what it was loaded with."""
        instance = super().from_db(db, field_names, values, **kwargs)
        instance._remember()
        return instance

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """See Django's."""
        before = self.__dict__.copy()
        super().refresh_from_db(*args, **kwargs)
        self._remember(name for name, value in self.__dict__.items() if before.get(name) is not value)

    def save_base(
        self,
        raw: bool = False,
        force_insert: Any = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Any = None,
    ) -> None:
        """See Django's. What changed something raises the version by one."""
        changed = self._changed(update_fields)
        self._raises = not raw and (self._state.adding or bool(changed))
        clears = not raw and self.inactive and "inactive" in changed
        try:
            with transaction.atomic(using=using, savepoint=False) if clears else nullcontext():
                super().save_base(raw, force_insert, force_update, using, update_fields)
                if clears:
                    self.applications_active.clear()
        except BaseException:
            for name in _OWN & self._loaded.keys():
                setattr(self, name, self._loaded[name])
            raise
        self._remember()

    def _do_update(self, base_qs: Any, using: Any, pk_val: Any, values: Any, *rest: Any) -> Any:
        """Django's UPDATE, of the version that was loaded; once more where others were faster.

        Here alone it is known whether a row was written, without a statement more.
        """
        plain = super()._do_update  # Django's own, private: there is no public place
        field = self._meta.get_field("version")
        rows = base_qs.filter(pk=pk_val)
        known = self._loaded.get("version")
        is_set = known is not None and self.version != known
        if base_qs.model is not field.model or is_set or not (self._raises or known):
            return plain(base_qs, using, pk_val, values, *rest)

        def write(version: int, *, raises: bool) -> Any:
            edited = timezone.now() if raises else self.last_edition
            own = {"version": version + raises, "last_edition": edited}
            mine = base_qs.filter(version=version)
            if updated := plain(mine, using, pk_val, self._with(values, own), *rest):
                self.version, self.last_edition = version + raises, edited
            return updated

        if known is not None and (updated := write(known, raises=self._raises)):
            return updated
        with transaction.atomic(using=using, savepoint=False):
            version = rows.select_for_update().values_list("version", flat=True).first()
            if version is None:  # there is none: Django inserts one, if it may
                return plain(base_qs.none(), using, pk_val, values, *rest)
            return write(version, raises=True)

    def _with(self, values: Any, own: Mapping[str, object]) -> list[tuple[Any, Any, Any]]:
        """What is written, with these values of these fields."""
        others = [each for each in values if each[0].name not in own]
        return [*others, *((self._meta.get_field(name), None, value) for name, value in own.items())]

    @property
    def _loaded(self) -> dict[str, Any]:
        """The values that are in the database, as far as this instance knows, by attribute."""
        known: dict[str, Any] = self.__dict__.setdefault("_loaded_values", {})
        return known

    def _remember(self, names: Iterable[str] | None = None) -> None:
        known = {field.attname for field in self._meta.concrete_fields}
        for name in known & (self.__dict__.keys() if names is None else set(names)):
            value = self.__dict__[name]
            self._loaded[name] = value if isinstance(value, _IMMUTABLE) else deepcopy(value)

    def _changed(self, names: Iterable[str] | None) -> set[str]:
        """The names of the fields that hold something else than what was loaded."""
        wanted = None if names is None else set(names)
        return {
            field.name
            for field in self._meta.concrete_fields
            if (wanted is None or not wanted.isdisjoint((field.name, field.attname)))
            and field.name not in _OWN
            and not getattr(field, "auto_now", False)
            and field.attname in self.__dict__
            and (
                field.attname not in self._loaded
                or self._loaded[field.attname] != self.__dict__[field.attname]
            )
        }


def _clear_active(model: type[models.Model], using: str) -> None:
    """Inactive objects are active for no application."""
    relation: Any = model._meta.get_field("applications_active")
    through = relation.remote_field.through
    inactive = {f"{relation.m2m_field_name()}__inactive": True}
    through._base_manager.using(using).filter(**inactive).delete()


def _track(sender: type[models.Model], **_: object) -> None:
    if issubclass(sender, TrackingAndVersioningBaseModel) and not sender._meta.proxy:
        track(sender, capture=sender.tracking_capture)


class_prepared.connect(_track, dispatch_uid="modelsync.push")
