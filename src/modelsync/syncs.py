"""Declared syncs: a class in `yourapp/syncs.py` that says once what is brought where.

    class Products(Sync):
        \"\"\"The catalogue of the ERP, every night.\"\"\"

        model = "shop.Product"
        source = "/data/erp/products*.csv"
        system = "ERP"

`manage.py sync products` runs it, and so does `Products().run()`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, ClassVar

from django.utils.module_loading import autodiscover_modules

from modelsync.core.errors import ConfigurationError
from modelsync.core.ports import Observer, Source
from modelsync.core.results import Report
from modelsync.feeds import Feed, Model, feeds_of, find_model, make_mapping, write_database
from modelsync.formats import Reading
from modelsync.policies import BasicSyncPolicy
from modelsync.service import Options, run_feeds

_REGISTRY: dict[str, type[Sync]] = {}


class Sync:
    """What to bring where. Set the attributes; those that are not set have `modelsync.sync`'s defaults.

    `name` is what commands call it (by default the class's name in snake case). `source` is a path,
    a folder, a pattern, an address, a list of them, an iterable or a Source, or a method that returns
    one of these.
    The first line of the docstring is shown by `manage.py sync --list`.
    """

    name: ClassVar[str] = ""
    model: ClassVar[Model | str] = ""
    source: Any = None
    system: ClassVar[str | None] = None
    match_on: ClassVar[Sequence[str] | str] = ()
    actions: ClassVar[str] = "cu"
    key_column: ClassVar[str | None] = None
    map: ClassVar[Mapping[str, str]] = {}
    format: ClassVar[str | None] = None
    reading: ClassVar[Reading] = Reading()
    using: ClassVar[str | None] = None
    policy: ClassVar[BasicSyncPolicy | type[BasicSyncPolicy] | str | None] = None
    validate: ClassVar[str | None] = None
    writer: ClassVar[str | None] = None
    on_conflict: ClassVar[str | None] = None
    missing: ClassVar[str] = "keep"
    max_deletes: ClassVar[int | str | None] = None
    skip_errors: ClassVar[bool] = False
    max_errors: ClassVar[int | None] = None
    commit_every: ClassVar[int | None] = None
    strict: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.model:
            return
        if "name" not in cls.__dict__:
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
        other = _REGISTRY.get(cls.name)
        if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise ConfigurationError(
                f"two syncs are called {cls.name!r}: {other.__module__}.{other.__qualname__} and "
                f"{cls.__module__}.{cls.__qualname__}; give one another name"
            )
        _REGISTRY[cls.name] = cls

    def run(
        self, *, dry_run: bool = False, resume: bool = False, observers: Sequence[Observer] = ()
    ) -> Report:
        """Run it and return the report; see `modelsync.sync` for what it raises."""
        options = replace(self.options(), dry_run=dry_run, resume=resume, changes=20 if dry_run else 0)
        return run_feeds(self.feeds(options.batch_rows), options, observers)

    def options(self) -> Options:
        """Its options, as the service takes them."""
        model = self._model()
        return Options.with_defaults(
            using=self.using or write_database(model),
            policy=self.policy,
            validate=self.validate,
            writer=self.writer,
            on_conflict=self.on_conflict,
            missing=self.missing,
            max_deletes=self.max_deletes,
            skip_errors=self.skip_errors,
            max_errors=self.max_errors,
            commit_every=self.commit_every,
            strict=self.strict,
        )

    def feeds(self, batch_rows: int) -> list[Feed]:
        """Its feeds: one for each file, or one for what is no file."""
        source: Source | Iterable[Mapping[str, object]] | str | PathLike[str] | None = (
            self.source() if callable(self.source) else self.source
        )
        if source is None:
            raise ConfigurationError(
                f"sync {self.name!r} has no source; set `source` in {type(self).__qualname__}"
            )
        mapping = make_mapping(
            match_on=self.match_on,
            actions=self.actions,
            key_column=self.key_column,
            rename=self.map,
            has_system=self.system is not None,
        )
        return [
            feed
            for each in _sources(source)
            for feed in feeds_of(
                each,
                self._model(),
                system=self.system,
                mapping=mapping,
                batch_rows=batch_rows,
                format=self.format,
                reading=self.reading,
            )
        ]

    def _model(self) -> Model:
        return find_model(self.model) if isinstance(self.model, str) else self.model


def _sources(source: object) -> Sequence[object]:
    """A list of paths is several sources; a list of mappings is one."""
    if isinstance(source, (list, tuple)) and source and isinstance(source[0], (str, PathLike)):
        return source
    return [source]


def registered() -> dict[str, type[Sync]]:
    """All declared syncs by name, those in `syncs.py` of every installed app too."""
    autodiscover_modules("syncs")
    return dict(sorted(_REGISTRY.items()))


def find_sync(name: str) -> type[Sync]:
    """The sync of that name; raises ConfigurationError that lists the names there are."""
    known = registered()
    if name not in known:
        names = ", ".join(known) or "none; declare them in yourapp/syncs.py"
        raise ConfigurationError(f"there is no sync {name!r}; there are: {names}")
    return known[name]
