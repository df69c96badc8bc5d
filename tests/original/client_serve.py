"""Serves the client's site on a free port of 127.0.0.1, and prints the port."""

from __future__ import annotations

import os

import django
from django.core.management import call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.original.client_site.settings"
    django.setup()
    call_command("migrate", run_syncdb=True, verbosity=0)
    with ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler) as server:
        server.set_app(get_wsgi_application())
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
