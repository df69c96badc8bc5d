"""The server process of the pull benchmark: `python -m tests.bench.pull_site` prints its port.

`/told/` says how many bytes of bodies it has sent since it was asked last, and its peak in MB.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.simple_server import make_server

from tests.bench.worker import peak
from tests.blog.site import TOKEN, Quiet, Server


class Counted:
    """A WSGI application whose bytes are counted."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self.sent = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/told/":
            told = json.dumps({"bytes": self.sent, "peak": peak()}).encode()
            self.sent = 0
            start_response("200 OK", [("Content-Type", "application/json")])
            return [told]
        return self._count(self.application(environ, start_response))

    def _count(self, body: Any) -> Iterator[bytes]:
        try:
            for block in body:
                self.sent += len(block)
                yield block
        finally:
            body.close()


def main() -> None:
    """Serve until killed."""
    import django
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application

    django.setup()
    settings.ROOT_URLCONF = "tests.bench.pull_urls"
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.SYNCTOOL_API_TOKEN = TOKEN
    with make_server("127.0.0.1", 0, Counted(get_wsgi_application()), Server, Quiet) as server:
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    main()
