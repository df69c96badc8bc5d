"""The tasks for Celery: `modelsync.push.drain` and `modelsync.push.sweep`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from modelsync.core.errors import ConfigurationError
from modelsync.tasks.working import run_drain, run_sweep

try:
    from celery import shared_task
    from kombu.pools import ProducerPool
except ImportError as error:
    raise ConfigurationError("Celery needs an extra: pip install 'django-modelsync[celery]'") from error

#: Seconds that a broker has to answer, since a request may wait for it.
_PATIENCE: Final = 1.0
_PRODUCERS: Final = 10
_TRANSPORT: Final[dict[str, dict[str, Any]]] = {
    "redis": {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE, "retry_on_timeout": False},
    # Without confirmation, what is written to a connection that was cut is lost unnoticed.
    "amqp": {"confirm_publish": True, "read_timeout": _PATIENCE, "write_timeout": _PATIENCE},
}


def _task(name: str) -> Callable[[Callable[..., dict[str, int]]], Any]:
    # Acknowledged before it runs: a task that kills its worker is not handed to the next one. What it had
    # claimed comes back when the lease runs out, by a sweep. For the same reason nothing is tried again.
    made: Callable[[Callable[..., dict[str, int]]], Any] = shared_task(
        name=name, ignore_result=True, acks_late=False, max_retries=0
    )
    return made


@_task("modelsync.push.drain")
def drain(application: int, using: str = "default") -> dict[str, int]:
    """Send what is due for an application of a database."""
    return run_drain(application, using, start)


@_task("modelsync.push.sweep")
def sweep(using: str = "default") -> dict[str, int]:
    """Have whatever is due drained; beat runs it, every ten seconds or so."""
    return run_sweep(using, start)


def start(application: int, using: str) -> None:
    """Queue a drain. Raises what the broker's client raises if it does not answer within seconds."""
    try:
        _queue(application, using)
    except Exception:
        # The connection may have been cut while nobody used it: once more, with a new one.
        close()
        _queue(application, using)


def close() -> None:
    """Close the connections to the broker."""
    pool = _producers(os.getpid(), drain.app)
    _producers.cache_clear()
    pool.connections.force_close_all()


def _queue(application: int, using: str) -> None:
    with _producers(os.getpid(), drain.app).acquire(block=True, timeout=_PATIENCE) as producer:
        drain.apply_async(
            (application, using),
            producer=producer,
            retry=False,
            confirm_timeout=_PATIENCE,
        )


@lru_cache(maxsize=2)
def _producers(process: int, app: Any) -> Any:
    """Celery's own connections wait as long as the broker takes; those of another process are not ours."""
    kind = app.connection_for_write().transport.driver_type
    connection = app.connection_for_write(
        connect_timeout=_PATIENCE, transport_options={"max_retries": 0, **_TRANSPORT.get(kind, {})}
    )
    pool: Any = ProducerPool  # not annotated over there
    return pool(connection.Pool(limit=_PRODUCERS), limit=_PRODUCERS)
