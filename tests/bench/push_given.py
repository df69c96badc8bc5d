"""What both senders of the push benchmark are given: keys, and objects."""

from __future__ import annotations

import uuid
from typing import Any

API_KEY = "the key"
SIGNING_SECRET = "whsec_" + "A" * 43 + "="


def units(model: Any, many: int) -> list[Any]:
    """So many objects, not saved."""
    return [
        model(uuid=uuid.uuid4(), code=f"U-{n:06d}", name=f"Unit {n} of the benchmark") for n in range(many)
    ]
