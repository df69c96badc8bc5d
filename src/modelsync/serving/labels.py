"""What dumpdata holds of an app or a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.serializers import sort_dependencies
from django.db import DEFAULT_DB_ALIAS, models, router

from modelsync.core.errors import ConfigurationError
from modelsync.serving.hiding import find_model, nearest
from modelsync.serving.parts import Part


def models_of(labels: Sequence[str]) -> list[type[models.Model]]:
    """The concrete models of these apps and `app.Model`s, what others depend on first."""
    wanted: dict[AppConfig, list[type[models.Model]] | None] = {}
    for label in labels:
        if "." in label:
            model = find_model(label, "app")
            config = apps.get_app_config(model._meta.app_label)
            some = wanted.setdefault(config, [])
            if some is not None and model not in some:
                some.append(model)
        else:
            wanted[_find_app(label)] = None
    ordered = sort_dependencies(wanted.items(), allow_cycles=True)
    return [model for model in ordered if not model._meta.proxy]


def parts_of(labels: Sequence[str], using: str | None) -> list[Part]:
    """All objects that the models' default managers give, as dumpdata reads them."""
    alias = using or DEFAULT_DB_ALIAS
    return [
        Part(model=model, using=alias, queryset=_rows(model, alias))
        for model in models_of(labels)
        if router.allow_migrate_model(alias, model)
    ]


def _rows(model: type[models.Model], alias: str) -> Any:
    return model._default_manager.using(alias).order_by(model._meta.pk.name)


def _find_app(label: str) -> AppConfig:
    try:
        return apps.get_app_config(label)
    except LookupError:
        known = [config.label for config in apps.get_app_configs()]
        raise ConfigurationError(
            f"Route.app(...): there is no app {label!r}{nearest(label, known)}"
        ) from None
