"""Which names of files may be used here."""

from __future__ import annotations

import re
from typing import Final

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.utils import validate_file_name
from django.utils._os import safe_join

from modelsync.media.parts import PREFIX

#: Bytes that file systems allow in one segment, and characters of a whole name.
SEGMENT: Final = 255
NAME: Final = 1_000
_DRIVE: Final = re.compile(r"[A-Za-z]:")


def why_refused(name: str) -> str | None:
    """What is wrong with the name of a file that another site gave; None where nothing is."""
    if len(name) > NAME:
        return f"its name has {len(name):,} characters, at most {NAME:,} are taken"
    if "\0" in name:
        return "its name holds a NUL"
    if "\\" in name:
        return "its name holds a backslash"
    if name.startswith("/") or _DRIVE.match(name):
        return "its name is an absolute path"
    return _why_segments(name) or _why_django(name)


def _why_segments(name: str) -> str | None:
    segments = name.split("/")
    if "" in segments:
        return "its name has an empty segment"
    if "." in segments or ".." in segments:
        return "its name has a segment of dots, which leads elsewhere"
    if any(segment.startswith(PREFIX) for segment in segments):
        return f"its name begins with {PREFIX!r}, as unfinished files do here"
    try:
        longest = max(len(segment.encode()) for segment in segments)
    except UnicodeEncodeError:
        return "its name is no text that can be written as UTF-8"
    if longest > SEGMENT:
        return f"its name has a segment of {longest} bytes, at most {SEGMENT} are taken"
    return None


def _why_django(name: str) -> str | None:
    try:
        validate_file_name(name, allow_relative_path=True)
        safe_join("/media", name)
    except SuspiciousFileOperation:
        return "its name leads out of the media folder"
    return None
