"""Client: pulls what another Django site serves by a `Route`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models.query import QuerySet

from modelsync import conf
from modelsync.core.errors import ConfigurationError, ConflictError, GuardError
from modelsync.core.events import Event, FileFetched
from modelsync.core.ports import Observer
from modelsync.core.results import Notice, Report, Status
from modelsync.media import FilesReport, WithFiles, download, images
from modelsync.media.downloading import MOST_BYTES, MOST_SECONDS, WORKERS
from modelsync.pulling import PullOptions, pull
from modelsync.sources.site import Connection, SiteSource

_TOLD = 5  # rejections in an error


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How files are downloaded: so many at once, each of so many bytes and in so many seconds at most, all
    tries together; `verify` compares those that are here with the index of the other site.
    """

    verify: bool = False
    workers: int = WORKERS
    most_bytes: int = MOST_BYTES
    most_seconds: float = MOST_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What came of a pull; `files` is None where none were asked for, or the objects did not come in."""

    report: Report
    files: FilesReport | None = None


class Client:
    """Another site, and what it takes to pull from it.

    Args:
        api_token: the token of its route; default `settings.SYNCTOOL_CLIENT_TOKEN`.
        api_url: the address that the paths of its route begin with; default
            `settings.SYNCTOOL_CLIENT_ENDPOINT`.
        media_url: the address that the names of its files begin with.
        timeout: seconds that may pass without a byte.
        ca: a file with the certificates to trust, where they are not those of the system.
    """

    def __init__(
        self,
        api_token: str | None = None,
        api_url: str | None = None,
        media_url: str | None = None,
        *,
        timeout: float = 60.0,
        ca: str | os.PathLike[str] | None = None,
    ) -> None:
        self.api_token = api_token or getattr(settings, "SYNCTOOL_CLIENT_TOKEN", None)
        self.api_url = api_url or getattr(settings, "SYNCTOOL_CLIENT_ENDPOINT", None)
        self.media_url = media_url
        self.timeout = timeout
        self.ca = ca
        if not self.api_url:
            raise ConfigurationError(
                "a client needs the address of the other site: api_url (--url), or "
                "settings.SYNCTOOL_CLIENT_ENDPOINT"
            )
        if timeout <= 0:
            raise ConfigurationError(f"the timeout is a number of seconds above 0, not {timeout:g}")

    def get_url(self, url: str) -> str:
        """The whole address of a path of the route."""
        return f"{str(self.api_url).rstrip('/')}/{url.strip('/')}/"

    def sync(
        self,
        url: str,
        clean: bool = False,
        reset: bool = True,
        images: bool = False,
        *,
        using: str = "default",
        allow_empty: bool = False,
        models: Sequence[str] | None = None,
        ignore_models: bool = False,
        dry_run: bool = False,
        verify: bool = False,
        strict_files: bool = False,
        observers: Sequence[Observer] = (),
    ) -> Report:
        """Pull the objects of a path: all of them, or nothing.

        Args:
            url: the path of the route, such as `blogs`.
            clean: afterwards the tables hold exactly what was served; what is not there any more goes.
            reset: move the sequences of primary keys behind the highest that came, never back.
            images: download the files that the objects name, too, when the objects are in; a file that
                cannot be had is a warning of the report.
            using: the database.
            allow_empty: with clean, let an answer without objects empty the tables.
            models: the labels of the models that alone may come, as in `["blog.Post"]`.
            ignore_models: leave out models that are not here, instead of refusing them.
            dry_run: compare and check everything, write nothing.
            verify: with images, compare the files that are here by size and hash, and fetch what differs.
            strict_files: raise ConflictError when a file is lacking at the end.
            observers: called with each event of the run.

        Raises SourceError when the other site fails, ConfigurationError for models that may not come,
        GuardError where something protects what would go, ConflictError where objects contradict what is
        here. Nothing is written then.
        """
        options = PullOptions(
            using=using,
            clean=clean,
            allow_empty=allow_empty,
            reset=reset,
            dry_run=dry_run,
            models=models,
            ignore_models=ignore_models,
            changes=20 if dry_run else 0,
        )
        files = FileOptions(verify=verify) if images else None
        pulled = self.pull(url, options, observers, files=files)
        report = pulled.report
        if report.status is Status.STOPPED:
            raise GuardError(report.error or "a limit stopped the pull")
        if report.rejected:
            told = "; ".join(map(str, report.rejections[:_TOLD]))
            more = f"; and {report.rejected - _TOLD} more" if report.rejected > _TOLD else ""
            objects = "1 object was" if report.rejected == 1 else f"{report.rejected:,} objects were"
            raise ConflictError(f"{objects} refused, so nothing was written: {told}{more}")
        if strict_files and pulled.files and not pulled.files.is_complete:
            raise ConflictError(f"the objects are in, but not all files: {told_of(pulled.files)}")
        return report

    def images(self, queryset: QuerySet[Any, Any], field: str) -> FilesReport:
        """Download the files that one field of these objects names, where they are not here yet.

        Raises ConfigurationError for a field that holds no files.
        """
        with Connection(timeout=self.timeout, ca=self.ca) as connection:
            return download(images(queryset, field), media_url=self._media(), connection=connection)

    def pull(
        self,
        url: str,
        options: PullOptions,
        observers: Sequence[Observer] = (),
        *,
        files: FileOptions | None = None,
    ) -> Pulled:
        """Pull the objects of a path, and with `files` what they name; the reports say what came of it."""
        media = self._media() if files else ""
        with Connection(timeout=self.timeout, ca=self.ca) as connection:
            source = SiteSource(
                self.get_url(url),
                self.api_token,
                connection=connection,
                require_https=conf.current().require_https,
            )
            if files is None:
                return Pulled(report=pull(source, options, observers))
            noting = WithFiles(source, options.using)
            with noting.files:
                report = pull(noting, options, observers)
                if not report.committed:
                    return Pulled(report=report)
                fetched = download(
                    noting.files,
                    media_url=media,
                    connection=connection,
                    workers=files.workers,
                    verify=files.verify,
                    index_url=f"{self.get_url(url)}files/",
                    token=self.api_token,
                    most_bytes=files.most_bytes,
                    most_seconds=files.most_seconds,
                    progress=lambda done: _tell(observers, FileFetched(done.done, done.total)),
                )
        report.notes.append(told_of(fetched))
        report.warnings += [
            Notice(number=None, reason=f"{ref}: {reason}") for ref, reason in fetched.warnings
        ]
        return Pulled(report=report, files=fetched)

    def _media(self) -> str:
        if not self.media_url:
            raise ConfigurationError(
                "files need the address that their names begin with: media_url (--media-url)"
            )
        return self.media_url


def told_of(files: FilesReport) -> str:
    """What became of files, in one line."""
    counts = (f"{count:,} {outcome.value}" for outcome, count in files.counts.items() if count)
    return f"Files: {', '.join(counts) or 'none are named'}."


def _tell(observers: Sequence[Observer], event: Event) -> None:
    for observer in observers:
        observer(event)
