"""Serves the receiving site on a free port of 127.0.0.1, and prints the port."""

from __future__ import annotations

import django
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    django.setup()
    with ThreadedWSGIServer(("127.0.0.1", 0), Quiet) as server:
        server.set_app(get_wsgi_application())
        print(server.server_port, flush=True)
        server.serve_forever()
