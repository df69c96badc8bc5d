"""The brokers that Celery's workers are tested with, and what answers at this moment.

Redis and RabbitMQ are reached by the addresses in MODELSYNC_TEST_REDIS and MODELSYNC_TEST_RABBITMQ. What
tests make there has names of their own, and is removed.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

KINDS = ("redis", "rabbitmq")
_ADDRESSES = {
    "redis": ("MODELSYNC_TEST_REDIS", "redis://127.0.0.1:6379/0"),
    "rabbitmq": ("MODELSYNC_TEST_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//"),
}
_TIMEOUT = 5  # seconds


@dataclass(frozen=True, kw_only=True)
class Broker:
    """A queue of its own; `mark` is its name, and what all keys and names begin with."""

    kind: str
    address: str
    mark: str

    def settings(self) -> dict[str, Any]:
        """Celery's settings."""
        options = {"global_keyprefix": self.mark} if self.kind == "redis" else {}
        return {
            "broker_url": self.address,
            "broker_transport_options": options,
            "broker_connection_retry_on_startup": True,
            "task_default_queue": self.mark,
            "task_default_exchange": self.mark,
            "task_default_routing_key": self.mark,
            "worker_enable_remote_control": False,
            "worker_hijack_root_logger": False,
        }


def address(kind: str) -> str:
    """Where it is."""
    variable, default = _ADDRESSES[kind]
    return os.environ.get(variable) or default


def version(kind: str) -> str | None:
    """The version of the server; None when it does not answer."""
    try:
        return _redis_version() if kind == "redis" else _rabbitmq_version()
    except Exception:  # a missing client and a missing server are the same here: it cannot be used
        return None


@contextmanager
def broker(kind: str) -> Iterator[Broker]:
    """A queue of its own on a broker; it is removed at the end."""
    made = Broker(kind=kind, address=address(kind), mark=f"modelsync_{uuid.uuid4().hex[:8]}")
    try:
        yield made
    finally:
        _clean(made)


def queued(broker: Broker) -> int:
    """How many tasks wait."""
    if broker.kind == "redis":
        with _redis() as client:
            return int(client.llen(broker.mark + broker.mark))
    with _rabbitmq() as connection:
        return int(connection.default_channel.queue_declare(broker.mark, passive=True).message_count)


def _clean(made: Broker) -> None:
    if made.kind == "redis":
        with _redis() as client:
            keys = list(client.scan_iter(f"{made.mark}*"))
            if keys:
                client.delete(*keys)
    else:
        with _rabbitmq() as connection:
            connection.default_channel.queue_delete(made.mark)
            connection.default_channel.exchange_delete(made.mark)


def _redis() -> Any:
    import redis

    return redis.Redis.from_url(address("redis"), socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT)


def _rabbitmq() -> Any:
    from kombu import Connection

    return Connection(address("rabbitmq"), connect_timeout=_TIMEOUT, transport_options={"max_retries": 0})


def _redis_version() -> str:
    with _redis() as client:
        return str(client.info("server")["redis_version"])


def _rabbitmq_version() -> str:
    with _rabbitmq() as connection:
        return str(connection.connection.server_properties["version"])
