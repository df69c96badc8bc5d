"""Signatures, checked with the library that receivers use."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from modelsync.core.errors import Permanent
from modelsync.push.delivery.signing import new_secret, sign

OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
BODIES = st.text().map(str.encode)


@given(count=st.integers(1, 4), zone=OFFSETS, body=BODIES, ago=st.integers(-280, 280))
def test_each_signature_is_good_with_its_own_secret(
    count: int, zone: timezone, body: bytes, ago: int
) -> None:
    """In every time zone: the library takes any time for one of UTC."""
    secrets = [new_secret() for _ in range(count)]
    at = datetime.now(zone) - timedelta(seconds=ago)
    headers = sign(secrets, "msg_1", at, body)
    assert headers["webhook-id"] == "msg_1"
    assert int(headers["webhook-timestamp"]) == int(at.timestamp())
    signatures = headers["webhook-signature"].split(" ")
    assert len(signatures) == count
    for secret, signature in zip(secrets, signatures, strict=True):
        webhook = Webhook(secret)
        webhook.verify(body, headers, json_parse=False)  # among the others
        webhook.verify(body, {**headers, "webhook-signature": signature}, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(body, headers, json_parse=False)
    with pytest.raises(WebhookVerificationError):
        Webhook(secrets[0]).verify(body + b" ", headers, json_parse=False)


def test_summer_time_is_a_time_zone() -> None:
    """The hour that a clock shows twice is two."""
    secret = new_secret()
    early = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    told = {sign([secret], "m", early + timedelta(hours=late), b"")["webhook-timestamp"] for late in (0, 1)}
    assert len(told) == 2


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        sign([new_secret()], "m", datetime(2025, 1, 1), b"")


def test_a_new_secret_is_long_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    for secret in secrets:
        assert secret.startswith("whsec_")
        assert len(b64decode(secret.removeprefix("whsec_"), validate=True)) == 32


def test_without_a_secret_nothing_is_sent() -> None:
    with pytest.raises(Permanent, match=r"no signing secret; make one with manage\.py rotate_secret"):
        sign([], "m", datetime.now(UTC), b"")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_a", "whsec_\u20ac\u20ac", "\u20ac" * 8])
def test_a_secret_that_is_none_is_told_by_its_place(secret: str) -> None:
    """And never by itself."""
    with pytest.raises(Permanent, match="signing secret 2 of the application") as raised:
        sign([new_secret(), secret], "m", datetime.now(UTC), b"")
    assert raised.value.__cause__ is None
    assert "\u20ac" not in str(raised.value)
