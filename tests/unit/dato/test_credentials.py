"""Who may call the webhook, and the command that says so."""

from __future__ import annotations

import base64
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from modelsync.core.errors import ConfigurationError
from modelsync.dato.credentials import Credentials, is_allowed, new_password
from modelsync.dato.management.commands import gen_auth_header


def printed(**options: Any) -> str:
    """What the command prints when it asks for nothing."""
    out = StringIO()
    call_command(gen_auth_header.Command(), stdout=out, interactive=False, **options)
    return out.getvalue()


def test_the_command_prints_both_sides(settings: Any) -> None:
    """What it says of Django lets in what it says of DatoCMS."""
    lines = dict(line.strip().split(": ", 1) for line in printed().splitlines() if ": " in line)
    assert lines["Username"] == "datocms"
    assert lines["Endpoint"].endswith("/dato-sync/sync/")
    (line,) = [line for line in printed(username="Zoë").splitlines() if "EXPECTED_AUTH" in line]
    header = line.split('"')[1]
    settings.DATO_SYNC_WEBHOOK_EXPECTED_AUTH = header
    assert base64.b64decode(header.removeprefix("Basic ")).decode().startswith("Zoë:")
    assert is_allowed(header)


def test_passwords_are_random() -> None:
    """And long, and need no quoting."""
    made = {new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(each) == 32 and each.replace("-", "").replace("_", "").isalnum() for each in made)


def test_what_cannot_be_carried() -> None:
    """A colon ends the username."""
    with pytest.raises(CommandError, match="without a colon"):
        printed(username="a:b")
    with pytest.raises(ConfigurationError, match="control characters"):
        Credentials(username="a", password="b\n")
    assert (
        Credentials(username="Aladdin", password="open sesame").header == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    )


@pytest.mark.parametrize("given", ["", "Basic", "Basic abd", "basic abc", "Basic abc=", "Bäsic abc"])
def test_others_are_not_let_in(settings: Any, given: str) -> None:
    """Nor is anybody where nothing is expected."""
    settings.DATO_SYNC_WEBHOOK_EXPECTED_AUTH = "Basic abc"
    assert is_allowed("Basic abc")
    assert not is_allowed(given)
    for nothing in ("", " ", None):
        settings.DATO_SYNC_WEBHOOK_EXPECTED_AUTH = nothing
        with pytest.raises(ConfigurationError, match="gen_auth_header"):
            is_allowed(given)
