"""`manage.py rotate_secret`."""

from __future__ import annotations

import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from standardwebhooks import Webhook

from modelsync.push.delivery.signing import sign
from modelsync.push.models import Application
from tests.separate import SeparateDatabase

pytestmark = pytest.mark.database

OLD = "whsec_b2xkb2xkb2xk"
OLDER = "whsec_b2xkZXJvbGRlcg=="


def make(name: str = "Branch", using: str = "default", **given: Any) -> Application:
    values = {"api_endpoint_base": "https://app.test/", "protocol": 2, "signing_secrets": [OLD, OLDER]}
    return Application.objects.using(using).create(name=name, **{**values, **given})


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("rotate_secret", *arguments, stdout=out)
    return out.getvalue()


def secrets_of(application: Application) -> list[str]:
    found: list[str] = Application.objects.get(pk=application.pk).signing_secrets
    return found


def printed(told: str) -> str:
    (secret,) = re.findall(r"^    (whsec_\S+)$", told, re.MULTILINE)
    return str(secret)


@pytest.mark.django_db
def test_a_new_secret_comes_first_and_the_old_ones_sign_too() -> None:
    application = make()
    told = run("Branch")
    new = printed(told)
    assert secrets_of(application) == [new, OLD, OLDER]
    assert f"manage.py rotate_secret {application.pk} --finish" in told
    assert OLD not in told
    headers = sign(secrets_of(application), "m", datetime.now(UTC), b"{}")
    for secret in (new, OLD, OLDER):
        Webhook(secret).verify(b"{}", headers)


@pytest.mark.django_db
def test_the_old_ones_are_dropped_at_the_end() -> None:
    application = make()
    new = printed(run(str(application.pk)))
    told = run("Branch", "--finish")
    assert "the older signing secrets (2) are dropped; remove them there, too" in told
    assert new not in told
    assert secrets_of(application) == [new]
    assert "nothing is changed" in run("Branch", "--finish")
    assert secrets_of(application) == [new]


@pytest.mark.django_db
@pytest.mark.parametrize(("keep", "old"), [("0", []), ("1", [OLD]), ("9", [OLD, OLDER])])
def test_only_so_many_old_ones_are_kept(keep: str, old: list[str]) -> None:
    application = make()
    new = printed(run("Branch", "--keep", keep))
    assert secrets_of(application) == [new, *old]


@pytest.mark.django_db
def test_the_first_secret_needs_no_end() -> None:
    application = make(signing_secrets=[])
    told = run("Branch")
    assert secrets_of(application) == [printed(told)]
    assert "--finish" not in told


@pytest.mark.django_db
def test_nothing_else_is_changed() -> None:
    application = make(api_token_key="token", failures=3)
    run("Branch")
    found = Application.objects.get(pk=application.pk)
    assert (found.name, found.api_token_key, found.failures) == ("Branch", "token", 3)


@pytest.mark.django_db
def test_an_api_key_is_replaced_at_once() -> None:
    application = make(protocol=1, api_token_key="old", signing_secrets=[])
    told = run("Branch", "--api-key")
    key = Application.objects.get(pk=application.pk).api_token_key
    assert len(key) >= 43
    assert f"\n    {key}\n" in told
    assert secrets_of(application) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["Nobody"], r"no application 'Nobody'; there are: \d+ \(Branch\), \d+ \(Old\)"),
        (["99999999999999999999999"], "there is no application '99999999999999999999999'"),
        ([], "which application"),
        (["Old"], "Old speaks protocol 1, which does not sign; a new Api-Key is made with --api-key"),
        (["Old", "--finish"], "Old speaks protocol 1"),
        (["Branch", "--api-key"], "Branch speaks protocol 2, which sends no Api-Key but signs"),
        (["Branch", "--finish", "--keep", "1"], "--keep is a number of old secrets"),
        (["Branch", "--keep", "-1"], "--keep is a number of old secrets"),
        (["Branch", "--reencrypt"], "--reencrypt is for all applications"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], reason: str) -> None:
    branch, old = make(), make("Old", protocol=1)
    with pytest.raises(CommandError, match=reason) as raised:
        run(*arguments)
    assert raised.value.returncode == 2
    assert secrets_of(branch) == secrets_of(old) == [OLD, OLDER]


@pytest.mark.django_db
def test_a_name_of_several_is_told_with_their_ids() -> None:
    """Names need not be unique, and may be the id of another application."""
    first, second = make(), make()
    with pytest.raises(CommandError, match=rf"give the id: {first.pk} \(Branch\), {second.pk} \(Branch\)"):
        run("Branch")
    third = make(str(first.pk))
    with pytest.raises(CommandError, match=rf"{first.pk} \(Branch\), {third.pk} \({first.pk}\)"):
        run(str(first.pk))
    assert secrets_of(first) == [OLD, OLDER]


@pytest.mark.django_db
def test_without_any_application_it_says_so() -> None:
    with pytest.raises(CommandError, match="there are none; make one in the admin first"):
        run("Branch")


@pytest.mark.django_db(databases=["default", "other"])
def test_the_database_may_be_another() -> None:
    application = make(using="other")
    told = run("Branch", "--using", "other")
    assert "--finish --using other" in told
    found = Application.objects.using("other").get(pk=application.pk)
    assert found.signing_secrets[0] == printed(told)


def test_what_another_one_stores_meanwhile_is_not_lost(
    separate_database: SeparateDatabase, django_db_blocker: Any
) -> None:
    """The row is locked before it is read."""
    alias = separate_database.alias
    is_about_to_lock = threading.Event()

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        if "UPDATE" in sql or "IMMEDIATE" in sql:  # FOR UPDATE, too
            is_about_to_lock.set()
        return execute(sql, *rest)

    def rotate() -> str:
        try:
            with connections[alias].execute_wrapper(watch):
                return run("Branch", "--using", alias)
        finally:
            connections[alias].close()

    connections.settings[alias]["OPTIONS"].pop("transaction_mode", None)  # SQLite as most projects have it
    with django_db_blocker.unblock(), ThreadPoolExecutor(1) as threads:
        rows = Application.objects.using(alias).filter(pk=make(using=alias).pk)
        with transaction.atomic(using=alias):
            rows.update(signing_secrets=[OLD])
            told = threads.submit(rotate)
            assert is_about_to_lock.wait(60)
            rows.update(signing_secrets=["whsec_bWVhbndoaWxl"])
        new = printed(told.result())
        assert rows.get().signing_secrets == [new, "whsec_bWVhbndoaWxl"]
        connections[alias].close()
