"""settings.MODELSYNC."""

from __future__ import annotations

import pytest

from modelsync.conf import Settings, current
from modelsync.core.errors import ConfigurationError


def test_without_settings_the_defaults_hold(settings) -> None:
    """Nobody has to set anything."""
    del settings.MODELSYNC
    assert current() == Settings()


def test_what_is_set_replaces_its_default(settings) -> None:
    """Settings are read when they are asked for, not at import."""
    settings.MODELSYNC = {"batch_size": 100, "max_deletes": "25%"}
    assert (current().batch_size, current().max_deletes, current().writer) == (100, "25%", "auto")
    settings.MODELSYNC = {}
    assert current() == Settings()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batchsize": 1}, "unknown key 'batchsize'; did you mean 'batch_size'"),
        ({"BATCH_SIZE": 1}, "did you mean 'batch_size'"),
        ({"ZZZ": 1}, "the known ones are batch_size, "),
        ({"batch_size": 0}, "must be a number of rows, 1 or more"),
        ({"batch_size": "many"}, "is 'many'"),
        ({"batch_size": True}, "is True"),
        ({"writer": "fast"}, "must be one of auto, staged, objects"),
        ({"validate": ["types"]}, "must be one of none, types, full"),
        ({"max_deletes": 0.5}, "a number of rows or a text like '25%'"),
        ({1: 2}, "unknown key '1'"),
        ([("writer", "auto")], "must be a dict, not list"),
    ],
)
def test_a_mistake_is_named(settings, given, message) -> None:
    """A setting that is misspelt or wrong is an error that says which and what to do."""
    settings.MODELSYNC = given
    with pytest.raises(ConfigurationError) as caught:
        current()
    assert message in str(caught.value)
