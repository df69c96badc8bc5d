"""A site that serves objects without primary keys: `python -m tests.named.site` prints its port."""

from __future__ import annotations

from tests.blog.site import main

if __name__ == "__main__":
    main("tests.named.urls")
