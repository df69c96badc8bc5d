"""A site that receives: `python -m tests.bench.push_site` prints its port.

It is Django's own server with threads: connections are kept alive. `/count/` says how many objects it has.
"""

from __future__ import annotations


def main() -> None:
    """Make the tables, and serve until killed."""
    import django
    from django.core.management import call_command
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
    from django.core.wsgi import get_wsgi_application
    from django.db import connection

    class Quiet(WSGIRequestHandler):
        def log_message(self, *args: object) -> None:
            """Say nothing."""

    django.setup()
    from tests.bench.push_branch.models import Unit

    call_command("migrate", "modelsync_push", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Unit)
    connection.close()
    with ThreadedWSGIServer(("127.0.0.1", 0), Quiet) as server:
        server.set_app(get_wsgi_application())
        print(server.server_port, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
