"""What the tests of downloads say about files."""

from __future__ import annotations

import io
import os
from pathlib import Path

from django.core.files.storage import Storage
from PIL import Image

from modelsync.media import FileRef


def ref(name: str, *, pk: str = "1", is_image: bool = False) -> FileRef:
    """A photo of a person."""
    return FileRef(model="blog.person", pk=pk, field="photo", name=name, is_image=is_image)


def read(storage: Storage, name: str) -> bytes:
    """What is kept under a name."""
    with storage.open(name) as file:
        return bytes(file.read())


def left(folder: Path) -> list[str]:
    """All files in a folder, unfinished ones too."""
    found = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return sorted(str(path.relative_to(folder)) for path in found)


def picture() -> bytes:
    """A small image."""
    content = io.BytesIO()
    Image.new("RGB", (5, 5), "red").save(content, "PNG")
    return content.getvalue()
