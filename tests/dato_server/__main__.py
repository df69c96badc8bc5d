"""`python -m tests.dato_server [--port N]`: serve a small site until Ctrl-C or SIGTERM, and print where."""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress
from threading import Event

from tests.dato_server import serving
from tests.dato_server.demo import demo_site


def main(arguments: list[str]) -> int:
    """Serve. The port is any free one if none is said."""
    parser = argparse.ArgumentParser(prog="python -m tests.dato_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; any free one")
    port = parser.parse_args(arguments).port
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell has what runs in the background ignore Ctrl-C
        signal.signal(number, signal.default_int_handler)
    with serving(demo_site(), port) as server:
        print(f"URL: {server.url}", f"token: {server.site.token}", sep="\n", flush=True)
        with suppress(KeyboardInterrupt):  # that is how it ends
            Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
