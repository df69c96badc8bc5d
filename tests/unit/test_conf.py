"""settings.MODELSYNC."""

from __future__ import annotations

import pytest

from modelsync.conf import Settings, current
from modelsync.core.errors import ConfigurationError


def test_without_settings_the_defaults_hold(settings) -> None:
    """Nobody has to set anything."""
    assert not hasattr(settings, "MODELSYNC")
    assert current() == Settings()


def test_what_is_set_replaces_its_default(settings) -> None:
    """Settings are read when they are asked for, not at import."""
    settings.MODELSYNC = {"BATCH_SIZE": 100, "MAX_DELETES": "25%"}
    assert (current().batch_size, current().max_deletes, current().writer) == (100, "25%", "auto")
    settings.MODELSYNC = {}
    assert current() == Settings()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"BATCHSIZE": 1}, "unknown key 'BATCHSIZE'; did you mean 'BATCH_SIZE'"),
        ({"batch_size": 1}, "did you mean 'BATCH_SIZE'"),
        ({"ZZZ": 1}, "the known ones are BATCH_SIZE, "),
        ({"BATCH_SIZE": 0}, "must be a number of rows, 1 or more"),
        ({"BATCH_SIZE": "many"}, "is 'many'"),
        ({"BATCH_SIZE": True}, "is True"),
        ({"WRITER": "fast"}, "must be one of auto, staged, objects"),
        ({"VALIDATE": ["types"]}, "must be one of none, types, full"),
        ({"MAX_DELETES": 0.5}, "a number of rows or a text like '25%'"),
        ({1: 2}, "unknown key '1'"),
        ([("WRITER", "auto")], "must be a dict, not list"),
    ],
)
def test_a_mistake_is_named(settings, given, message) -> None:
    """A setting that is misspelt or wrong is an error that says which and what to do."""
    settings.MODELSYNC = given
    with pytest.raises(ConfigurationError) as caught:
        current()
    assert message in str(caught.value)
