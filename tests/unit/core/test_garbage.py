"""The garbage collector is as it was when nobody needs it to wait any more."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from threading import Barrier, Thread

import pytest

from modelsync.core.garbage import rare_collections


@pytest.fixture(autouse=True)
def _thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 11, 12)
    yield
    gc.set_threshold(*before)


def test_it_is_put_back() -> None:
    """After an error, too, and by the last of several."""
    with rare_collections():
        with pytest.raises(ZeroDivisionError), rare_collections():
            raise ZeroDivisionError
        assert gc.get_threshold() == (100_000, 11, 12)
    assert gc.get_threshold() == (700, 11, 12)


def test_threads() -> None:
    """What one thread ends another may still need."""
    inside, one_left, seen = Barrier(2), Barrier(2), []

    def other() -> None:
        with rare_collections():
            inside.wait()
            one_left.wait()
            seen.append(gc.get_threshold()[0])

    thread = Thread(target=other)
    thread.start()
    with rare_collections():
        inside.wait()
    one_left.wait()
    thread.join()
    assert seen == [100_000]
    assert gc.get_threshold() == (700, 11, 12)


@pytest.mark.parametrize("first", [0, 1_000_000])
def test_what_a_project_has_set_stays(first: int) -> None:
    """Off is off, and less often is less often."""
    gc.set_threshold(first, 11, 12)
    with rare_collections():
        assert gc.get_threshold()[0] == first
