"""Where files are kept: in a folder, or in a storage that has no paths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage
from django.utils._os import safe_makedirs

from modelsync.core.errors import Permanent


class Place(Protocol):
    """Takes finished files."""

    def folder(self, name: str) -> Path:
        """Where the file of that name is to be fetched to."""

    def keep(self, finished: Path, name: str) -> None:
        """Put a finished file where it belongs, under exactly that name, in place of any before it."""


def place_of(storage: Storage, scratch: Path) -> Place:
    """The place that belongs to a storage; `scratch` is a folder for what is on its way to it."""
    if isinstance(storage, FileSystemStorage) and _saves_plainly(storage):
        return FolderPlace(storage)
    return StoragePlace(storage, scratch)


class FolderPlace:
    """Files that appear under their name at once and whole, by being moved within their folder."""

    def __init__(self, storage: FileSystemStorage) -> None:
        self.storage = storage

    def folder(self, name: str) -> Path:
        """The folder in which it will stand, made if need be."""
        folder = Path(self.storage.path(name)).parent
        mode = self.storage.directory_permissions_mode
        if mode is None:
            folder.mkdir(parents=True, exist_ok=True)
        else:
            safe_makedirs(folder, mode, exist_ok=True)
        return folder

    def keep(self, finished: Path, name: str) -> None:
        """Move it, with the permissions that the storage gives."""
        mode = self.storage.file_permissions_mode
        if mode is not None:
            finished.chmod(mode)
        os.replace(finished, self.storage.path(name))


class StoragePlace:
    """Files that are handed to a storage when they are whole."""

    def __init__(self, storage: Storage, scratch: Path) -> None:
        self.storage = storage
        self.scratch = scratch

    def folder(self, name: str) -> Path:
        """Somewhere on this machine."""
        return self.scratch

    def keep(self, finished: Path, name: str) -> None:
        """Save it. Raises Permanent when the storage takes it only under another name."""
        # Where a name is taken, storages choose another one.
        if self.storage.exists(name):
            self.storage.delete(name)
        try:
            with finished.open("rb") as content:
                saved = self.storage.save(name, File(content, name))
        except BaseException:
            # Half of it may be there.
            if self.storage.exists(name):
                self.storage.delete(name)
            raise
        if saved != name:
            self.storage.delete(saved)
            raise Permanent("the storage keeps no file under that name, it chose another one")


def _saves_plainly(storage: FileSystemStorage) -> bool:
    """Whether files are saved as Django does it; who saves otherwise has reasons (to encrypt them)."""
    kind = storage.__class__  # not type(): the default storage is a proxy
    return all(getattr(kind, name) is getattr(FileSystemStorage, name) for name in ("save", "_save"))
