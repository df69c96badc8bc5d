"""Looking into files: what they hold, and whether an image is one."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from modelsync.core.errors import Permanent


def sha256(file: IO[bytes]) -> str:
    """The hash of what is left of a file, in hex."""
    found = hashlib.sha256()
    while piece := file.read(1 << 18):
        found.update(piece)
    return found.hexdigest()


def check_image(path: Path) -> None:
    """Raise Permanent for what is no image, or a broken one; nothing is checked without Pillow."""
    if find_spec("PIL") is None:
        return
    from PIL import Image

    with path.open("rb") as file:
        try:
            Image.open(file).verify()
        except Exception as error:
            # Each format of Pillow has errors of its own.
            raise Permanent(f"it is a broken image, or none ({type(error).__name__})") from error
