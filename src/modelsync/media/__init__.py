"""Files and images that rows name: which they are, and how they come from the other site.

What belongs here is finding the names, fetching the files and handing them to Django's storages. Which
rows there are, and what a command says about it, never does.
"""

from modelsync.media.downloading import download
from modelsync.media.names import FileNames, WithFiles
from modelsync.media.refs import FileRef, field_storage, images
from modelsync.media.report import FileDone, FileOutcome, FilesReport

__all__ = [
    "FileDone",
    "FileNames",
    "FileOutcome",
    "FileRef",
    "FilesReport",
    "WithFiles",
    "download",
    "field_storage",
    "images",
]
