"""What the push benchmark pushes to: `python -m tests.bench.push_receiver` prints its port.

It is as light as it can be in Python, so that it is not what is measured: bodies are kept as they come, with
the time, and read only when `GET /told/PATH` asks what came to a path. What comes to `/silent/` is never
answered.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from time import monotonic
from typing import Any

_OBJECT = b'{"success": true}'
_ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_ANSWERS = {True: _ANSWERED % (len(_OBJECT), _OBJECT), False: _ANSWERED % (0, b"")}

came: defaultdict[bytes, list[tuple[float, bytes]]] = defaultdict(list)


class Connection(asyncio.Protocol):
    """One connection, which is kept alive."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (head := self.buffer.find(b"\r\n\r\n")) >= 0:
            lines = bytes(self.buffer[:head])
            start = head + 4
            end = start + _length(lines)
            if len(self.buffer) < end:
                return
            body = bytes(self.buffer[start:end])
            del self.buffer[:end]
            self._take(lines.split(b" ", 2)[1], body)

    def _take(self, path: bytes, body: bytes) -> None:
        if path.startswith(b"/told/"):
            told = json.dumps(_told(came.pop(path.removeprefix(b"/told"), []))).encode()
            self.transport.write(_ANSWERED % (len(told), told))
            return
        if path.startswith(b"/silent/"):
            return
        came[path].append((monotonic(), body))
        self.transport.write(_ANSWERS[path.startswith(b"/1/")])


def _length(head: bytes) -> int:
    place = head.lower().find(b"\r\ncontent-length:")
    return int(head[place + 17 :].split(b"\r\n", 1)[0]) if place >= 0 else 0


def _told(bodies: list[tuple[float, bytes]]) -> dict[str, Any]:
    """The times of the first and the last request, and of each `KEY VERSION` the first one."""
    objects: dict[str, float] = {}
    many = 0
    for moment, body in bodies:
        for key, version in _objects(json.loads(body)):
            many += 1
            objects.setdefault(f"{key} {version}", moment)
    moments = [moment for moment, _ in bodies] or [0.0]
    return {"objects": objects, "many": many, "requests": len(bodies), "span": [moments[0], moments[-1]]}


def _objects(said: dict[str, Any]) -> list[tuple[str, int]]:
    if "changes" in said:
        return [(each["pk"], each["version"]) for each in said["changes"]]
    return [(said["uuid"], said["data"]["version"])]


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
