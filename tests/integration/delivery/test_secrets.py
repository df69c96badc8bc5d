"""Secrets in the database, in fixtures and in forms."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django import forms
from django.contrib.admin import ModelAdmin, site
from django.core import serializers
from django.core.exceptions import FieldError, ValidationError
from django.core.management import call_command
from django.db import connection
from django.http import HttpRequest

from modelsync.core.errors import ConfigurationError
from modelsync.push.models import Application

pytestmark = [pytest.mark.database, pytest.mark.django_db]

TOKEN = "t0ken \u20ac"
SECRETS = ["whsec_bmV3bmV3bmV3", "whsec_b2xkb2xkb2xk"]


def make(**given: Any) -> Application:
    values = {"name": "app", "api_endpoint_base": "https://app.test/", "protocol": 2}
    return Application.objects.create(
        **{**values, "api_token_key": TOKEN, "signing_secrets": SECRETS, **given}
    )


def stored(application: Application) -> list[str]:
    """The columns as they are in the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT api_token_key, signing_secrets FROM modelsync_push_application WHERE id = %s",
            [application.pk],
        )
        return [str(value) for value in cursor.fetchone()]


def loaded(application: Application) -> tuple[str, list[str]]:
    found = Application.objects.get(pk=application.pk)
    return found.api_token_key, found.signing_secrets


def test_what_is_saved_comes_back_and_is_nowhere_to_be_read() -> None:
    application = make()
    assert loaded(application) == (TOKEN, SECRETS)
    for text in stored(application):
        assert text.startswith("gAAAA")
        assert "t0ken" not in text
        assert "whsec" not in text


@pytest.mark.parametrize("value", ["", "x" * 5000, "\u0000", "encrypted", "null"])
def test_every_text_is_a_token(value: str) -> None:
    assert loaded(make(api_token_key=value, signing_secrets=[])) == (value, [])


def test_bulk_writes_encrypt_too() -> None:
    application = make()
    rows = Application.objects.filter(pk=application.pk)
    rows.update(api_token_key="updated")
    assert loaded(application)[0] == "updated"
    application.signing_secrets = ["bulk"]
    Application.objects.bulk_update([application], ["signing_secrets"])
    assert loaded(application)[1] == ["bulk"]
    (made,) = Application.objects.bulk_create([Application(name="b", api_token_key="created")])
    assert Application.objects.get(name=made.name).api_token_key == "created"
    assert "updated" not in stored(application)[0]
    assert list(rows.values_list("api_token_key", "signing_secrets")) == [("updated", ["bulk"])]


def test_a_value_that_is_valid_stays_what_it_is() -> None:
    """`full_clean()` makes no text of a list."""
    application = make()
    application.full_clean()
    assert (application.api_token_key, application.signing_secrets) == (TOKEN, SECRETS)


@pytest.mark.parametrize("search", [{"api_token_key": TOKEN}, {"signing_secrets__contains": "whsec"}])
def test_it_cannot_be_searched_for(search: dict[str, str]) -> None:
    """Rather than finding nothing, ever."""
    with pytest.raises(FieldError, match="is encrypted; it cannot be searched for"):
        Application.objects.filter(**search).exists()
    assert not Application.objects.filter(api_token_key__isnull=True).exists()


# --- keys --------------------------------------------------------------------------------------------------


def test_a_new_secret_key_is_put_before_the_old_one(settings: Any) -> None:
    application = make()
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", [old]
    assert loaded(application) == (TOKEN, SECRETS)
    Application.objects.get(pk=application.pk).save()
    settings.SECRET_KEY_FALLBACKS = []
    assert loaded(application) == (TOKEN, SECRETS)


def test_keys_of_their_own_are_put_before_others(settings: Any) -> None:
    settings.MODELSYNC = {"push": {"encryption_keys": ["first"]}}
    application = make()
    settings.SECRET_KEY = "another"
    assert loaded(application) == (TOKEN, SECRETS)
    settings.MODELSYNC = {"push": {"encryption_keys": ["second", "first"]}}
    assert loaded(application) == (TOKEN, SECRETS)
    call_command("rotate_secret", "--reencrypt", stdout=io.StringIO())
    settings.MODELSYNC = {"push": {"encryption_keys": ["second"]}}
    assert loaded(application) == (TOKEN, SECRETS)


def test_a_key_that_is_gone_is_told(settings: Any) -> None:
    application = make()
    settings.SECRET_KEY = "another"
    with pytest.raises(
        ConfigurationError, match=r"modelsync_push\.Application\.api_token_key was encrypted with"
    ):
        loaded(application)


def test_what_was_changed_in_the_database_is_refused() -> None:
    """And so is what was never encrypted."""
    application = make()
    for text in (f"{stored(application)[0][:-4]}AAA=", "plain", "pl\u00e4in", ""):
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE modelsync_push_application SET api_token_key = %s WHERE id = %s",
                [text, application.pk],
            )
        with pytest.raises(ConfigurationError, match="was encrypted with a key that is not set any more"):
            loaded(application)


# --- fixtures ----------------------------------------------------------------------------------------------


def test_fixtures_hold_it_encrypted() -> None:
    application = make()
    text = serializers.serialize("json", Application.objects.all())
    assert "t0ken" not in text
    assert "whsec" not in text
    Application.objects.all().delete()
    for each in serializers.deserialize("json", text):
        each.save()
    assert loaded(application) == (TOKEN, SECRETS)


def test_a_fixture_of_another_site_is_refused(settings: Any) -> None:
    make()
    text = serializers.serialize("json", Application.objects.all())
    settings.SECRET_KEY = "another"
    with pytest.raises(serializers.base.DeserializationError, match="was encrypted with a key"):
        list(serializers.deserialize("json", text))


def test_a_fixture_written_by_hand_may_hold_it_plain() -> None:
    fields = {"name": "hand", "api_endpoint_base": "https://app.test/"}
    fields |= {"api_token_key": TOKEN, "signing_secrets": SECRETS, "filters": {}, "backfill": None}
    (each,) = serializers.deserialize(
        "json", json.dumps([{"model": "modelsync_push.application", "pk": 7, "fields": fields}])
    )
    each.save()
    assert loaded(Application(pk=7)) == (TOKEN, SECRETS)


# --- forms -------------------------------------------------------------------------------------------------


def form_of(
    application: Application | None, data: dict[str, str] | None = None
) -> forms.ModelForm[Application]:
    """The form of Django's admin."""
    admin = ModelAdmin(Application, site)
    form = admin.get_form(HttpRequest(), application)
    return form(data, instance=application)


def entered(**given: str) -> dict[str, str]:
    values = {"name": "app", "api_endpoint_base": "https://app.test/", "protocol": "2", "filters": "{}"}
    return {**values, "concurrency": "4", "batch_size": "100", **given}


def test_forms_show_no_secret() -> None:
    """Neither what is stored nor what was entered with a mistake elsewhere."""
    application = make()
    assert "t0ken" not in form_of(application).as_p()
    assert SECRETS[0] not in form_of(application).as_p()
    wrong = form_of(application, entered(concurrency="x", api_token_key="t0ken", signing_secrets="whsec_x"))
    assert not wrong.is_valid()
    assert "t0ken" not in wrong.as_p()
    assert "whsec_x" not in wrong.as_p()
    assert "Leave it blank to keep what is stored." in wrong.as_p()


def test_what_is_left_blank_stays() -> None:
    application = make()
    form = form_of(application, entered(api_token_key="", signing_secrets=" \n "))
    assert form.is_valid(), form.errors
    assert not {"api_token_key", "signing_secrets"} & set(form.changed_data)
    form.save()
    assert loaded(application) == (TOKEN, SECRETS)


def test_what_is_entered_is_stored() -> None:
    application = make()
    form = form_of(application, entered(api_token_key=" new ", signing_secrets="whsec_a\r\n\r\nwhsec_b "))
    assert form.is_valid(), form.errors
    assert {"api_token_key", "signing_secrets"} <= set(form.changed_data)
    form.save()
    assert loaded(application) == ("new", ["whsec_a", "whsec_b"])


def test_a_new_application_may_have_none() -> None:
    form = form_of(None, entered())
    assert form.is_valid(), form.errors
    assert loaded(form.save()) == ("", [])


def test_what_looks_encrypted_and_is_not_is_refused() -> None:
    application = make()
    application.api_token_key = "encrypted:whatever"
    with pytest.raises(ValidationError, match="was encrypted with a key"):
        application.full_clean()
