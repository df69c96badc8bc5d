"""The pages of applications, jobs and attempts; run by tests/integration/delivery/test_admin.py."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.signals import pre_save
from django.test import Client
from django.utils import timezone

from modelsync.push.models import Application, Attempt, JobChange
from modelsync.tracking.sequencing import sequence
from tests.office.models import Thing

pytestmark = pytest.mark.django_db
STATUS = JobChange.STATUS
BASE = "/admin/modelsync_push"
SECRET = "whsec_" + "A" * 43 + "="


def application(**given: Any) -> Application:
    values = {"name": "branch", "api_endpoint_base": "https://branch.test/", "backfill": None, **given}
    return Application.objects.create(**values)


def page(client: Client, address: str, **data: Any) -> str:
    """What a page says."""
    answer = client.get(f"{BASE}/{address}", data)
    assert answer.status_code == 200, answer
    return unescape(answer.content.decode())


def entered(**given: Any) -> dict[str, Any]:
    """What the form of an application is filled in with."""
    return {
        "name": "branch",
        "protocol": "1",
        "api_endpoint_base": "https://branch.test/",
        "filters": "{}",
        "concurrency": "4",
        "batch_size": "100",
        **given,
    }


def act(client: Client, kind: str, action: str, *objects: Any) -> str:
    """Run an action of a list; what it tells."""
    data = {"action": action, "_selected_action": [str(each.pk) for each in objects]}
    answer = client.post(f"{BASE}/{kind}/", data, follow=True)
    return unescape(answer.content.decode())


def test_the_list_says_how_applications_do(admin_client: Client) -> None:
    """Their state, and what waits, has failed, and is on hold."""
    ago = timezone.now() - timedelta(hours=1)
    application(name="well")
    application(name="new", backfill=[])
    application(name="bad", failures=7, failing_since=ago, not_before=ago + timedelta(hours=2))
    application(name="held", inactive=True, disabled_reason="it answered 410")
    Thing.objects.create(name="a")
    sequence()
    JobChange.objects.filter(application__name="bad").update(status=STATUS.FATAL_ERROR)
    said = page(admin_client, "application/")
    assert "active, gets everything that is there" in said
    assert "failing since" in said
    assert "next try" in said
    assert "on hold: it answered 410" in said
    bad, well = Application.objects.get(name="bad"), Application.objects.get(name="well")
    assert f'jobchange/?application={bad.pk}&status__in=WAITING_AFTER_ERROR%2CFATAL_ERROR">1</a>' in said
    assert f'jobchange/?application={well.pk}&status__in=WAITING">1</a>' in said
    for number in range(10):
        application(name=str(number))
    assert page(admin_client, "application/", o="4").count("<tr>") > 10


def test_lists_cost_the_same_for_many(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    """No query for each row."""
    for number in range(20):
        application(name=str(number))
    Thing.objects.create(name="a")
    sequence()
    with django_assert_max_num_queries(8):
        page(admin_client, "application/")
    with django_assert_max_num_queries(8):
        page(admin_client, "jobchange/")


def test_secrets_are_entered_and_never_shown(admin_client: Client) -> None:
    """Neither after saving nor after an error; nothing entered keeps what is stored."""
    admin_client.post(f"{BASE}/application/add/", entered(new_api_key="very secret"))
    made = Application.objects.get()
    assert made.api_token_key == "very secret"
    Application.objects.update(signing_secrets=[SECRET, SECRET])
    change = f"application/{made.pk}/change/"
    said = page(admin_client, change)
    assert f"2, not shown. A new one: manage.py rotate_secret {made.pk}" in said
    admin_client.post(f"{BASE}/{change}", entered(name="renamed"))
    made.refresh_from_db()
    assert (made.name, made.api_token_key, len(made.signing_secrets)) == ("renamed", "very secret", 2)
    wrong = admin_client.post(f"{BASE}/{change}", entered(filters="{", new_api_key="newer secret"))
    for text in (said, wrong.content.decode(), page(admin_client, "application/")):
        assert "very secret" not in text
        assert "newer secret" not in text
        assert SECRET not in text
    admin_client.post(f"{BASE}/{change}", entered(new_api_key="newer secret"))
    assert Application.objects.get().api_token_key == "newer secret"


def test_a_new_application_of_protocol_2_is_told_what_to_do(admin_client: Client) -> None:
    """It has no secret yet."""
    answer = admin_client.post(f"{BASE}/application/add/", entered(protocol="2"), follow=True)
    assert f"manage.py rotate_secret {Application.objects.get().pk}" in answer.content.decode()


def test_saving_leaves_what_workers_write(admin_client: Client) -> None:
    """A worker writes how the application does, right before the form is saved."""
    made = application()

    def work(**_: Any) -> None:
        Application.objects.update(failures=3, backfill=["office.Thing", "5"])

    pre_save.connect(work, sender=Application)
    try:
        admin_client.post(f"{BASE}/application/{made.pk}/change/", entered(name="renamed", concurrency="2"))
    finally:
        pre_save.disconnect(work, sender=Application)
    made = Application.objects.get()
    assert (made.name, made.concurrency, made.failures) == ("renamed", 2, 3)
    assert made.backfill == ["office.Thing", "5"]


def test_a_lost_encryption_key_leaves_the_pages(admin_client: Client, settings: Any) -> None:
    """They say what is wrong, and a new Api-Key can be entered."""
    settings.MODELSYNC = {"push": {"encryption_keys": ["old"]}}
    made = application(api_token_key="very secret")
    Thing.objects.create(name="a")
    sequence()
    settings.MODELSYNC = {"push": {"encryption_keys": ["new"]}}
    for address in ("application/", "jobchange/", "attempt/"):
        page(admin_client, address)
    said = page(admin_client, f"application/{made.pk}/change/")
    assert "encrypted with a key that is not set any more" in said
    admin_client.post(f"{BASE}/application/{made.pk}/change/", entered(new_api_key="newer"))
    assert Application.objects.only("api_token_key").get().api_token_key == "newer"


FAULTS = [
    ("[]", "It must be an object"),
    ('{"office.Thing": 5}', 'office.Thing: it must be false, or an object with "fields", "rows" or both'),
    ('{"office.Thing": {"field": []}}', 'an object with "fields", "rows" or both'),
    ('{"office.Thng": false}', "no such model is tracked; did you mean office.Thing?"),
    ('{"auth.User": false}', "auth.User: no such model is tracked; there are"),
    ('{"office.Thing": {"fields": "name"}}', '"fields" must be a list of names'),
    ('{"office.Thing": {"fields": ["nam"]}}', "has no field 'nam'; did you mean name?"),
    ('{"office.Thing": {"rows": ["name"]}}', '"rows" must be an object'),
    ('{"office.Thing": {"rows": {"colour": 1}}}', "Cannot resolve keyword 'colour'"),
    ('{"office.Thing": {"rows": {"price": "much"}}}', "cannot be filtered by price"),
    ('{"office.Thing": {"rows": {"name__like": "a"}}}', "cannot be filtered by name__like"),
    ("{", "Enter a valid JSON"),
]


@pytest.mark.parametrize(("filters", "fault"), FAULTS)
def test_wrong_filters_are_refused_in_words(admin_client: Client, filters: str, fault: str) -> None:
    """The page says which, and what was meant."""
    answer = admin_client.post(f"{BASE}/application/add/", entered(filters=filters))
    assert fault in unescape(answer.content.decode())
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"office.Thing": False, "*": {"fields": ["name"]}},
        {"office.Thing": {"fields": ["name", "price"], "rows": {"is_public": True, "price__gte": "1.5"}}},
        {"office.Member": {"rows": {"unit__code": "1", "friends__isnull": True}}},
    ],
)
def test_right_filters_are_saved(admin_client: Client, filters: object) -> None:
    """As they were entered."""
    admin_client.post(f"{BASE}/application/add/", entered(filters=json.dumps(filters)))
    assert Application.objects.get().filters == filters


def test_applications_are_put_on_hold_and_released(admin_client: Client) -> None:
    """Their jobs with them; whatever failed before is forgotten."""
    long_ago = timezone.now() - timedelta(days=9)
    made, other = application(failures=9, failing_since=long_ago), application(name="other")
    Thing.objects.create(name="a")
    sequence()
    assert "1 applications were put on hold" in act(admin_client, "application", "hold", made)
    assert JobChange.objects.get(application=made).status == STATUS.ON_HOLD
    assert JobChange.objects.get(application=other).status == STATUS.WAITING
    assert "1 applications were released" in act(admin_client, "application", "release", made, other)
    assert JobChange.objects.get(application=made).status == STATUS.WAITING
    made.refresh_from_db()
    assert (made.inactive, made.failures, made.failing_since) == (False, 0, None)


def test_push_now_ends_the_waiting(admin_client: Client) -> None:
    """What is given up stays so; nothing is sent by the page itself."""
    later = timezone.now() + timedelta(hours=5)
    made = application(failures=9, not_before=later)
    failed, fatal, leased = (Thing.objects.create(name=name) for name in ("failed", "fatal", "leased"))
    sequence()

    def job(thing: Thing) -> Any:
        return JobChange.objects.filter(target_uuid=str(thing.pk))

    job(failed).update(status=STATUS.WAITING_AFTER_ERROR, next_attempt_at=later)
    job(fatal).update(status=STATUS.FATAL_ERROR, next_attempt_at=None)
    job(leased).update(lease_token="0" * 32, next_attempt_at=later)
    assert "1 jobs are due now" in act(admin_client, "application", "push_now", made)
    assert job(failed).get().next_attempt_at <= timezone.now()
    assert job(fatal).get().status == STATUS.FATAL_ERROR
    assert job(leased).get().next_attempt_at == later
    made.refresh_from_db()
    assert made.not_before is None
    assert not Attempt.objects.exists()


def test_everything_is_sent_again(admin_client: Client) -> None:
    """Also what is done, and what no job was made of."""
    made, other = application(), application(name="other")
    Thing.objects.create(name="a")
    sequence()
    JobChange.objects.update(status=STATUS.DONE, next_attempt_at=None)
    assert "1 applications get everything anew" in act(admin_client, "application", "send_everything", made)
    assert JobChange.objects.get(application=made).status == STATUS.WAITING
    assert JobChange.objects.get(application=other).status == STATUS.DONE
    made.refresh_from_db()
    assert made.backfill == []


def test_the_deletion_of_an_application_says_what_goes_with_it(admin_client: Client) -> None:
    """By numbers; its jobs cannot be deleted alone."""
    made = application()
    for name in "abc":
        Thing.objects.create(name=name)
    sequence()
    said = page(admin_client, f"application/{made.pk}/delete/")
    assert "Job changes: 3" in said
    admin_client.post(f"{BASE}/application/{made.pk}/delete/", {"post": "yes"})
    assert not Application.objects.exists()
    assert not JobChange.objects.exists()


def test_jobs_are_found_and_sent_again(admin_client: Client) -> None:
    """By application, status, model, and the beginning of a key."""
    made = application()
    things = [Thing.objects.create(pk=pk, name=str(pk)) for pk in (101, 202)]
    sequence()
    jobs = [JobChange.objects.get(target_uuid=str(each.pk)) for each in things]
    JobChange.objects.filter(pk=jobs[0].pk).update(
        status=STATUS.FATAL_ERROR, next_attempt_at=None, attempts_started=10, last_operation_result="x" * 100
    )
    here = {"application": made.pk, "status__exact": "FATAL_ERROR", "model": "office.Thing", "q": "10"}
    said = page(admin_client, "jobchange/", **here)
    assert "1 job change" in said
    assert "x" * 80 + "…" in said
    for other in ({"application": 0}, {"status__exact": "DONE"}, {"model": "office.Unit"}, {"q": "9"}):
        assert "0 job changes" in page(admin_client, "jobchange/", **{**here, **other})
    assert "1 jobs will be sent again." in act(admin_client, "jobchange", "send_again", jobs[0])
    again = JobChange.objects.get(pk=jobs[0].pk)
    assert (again.status, again.attempts_started) == (STATUS.WAITING, 0)
    JobChange.objects.filter(pk=jobs[1].pk).update(status=STATUS.ON_HOLD, next_attempt_at=None)
    assert "1 were left alone" in act(admin_client, "jobchange", "send_again", *jobs)


def test_jobs_and_attempts_are_read_only(admin_client: Client) -> None:
    """Their pages show, and have no button."""
    made = application()
    Thing.objects.create(name="a")
    sequence()
    attempt = Attempt.objects.create(
        application=made,
        started_at=timezone.now(),
        seconds=0.25,
        sent=[["office.Thing", "5", 3]],
        status=422,
        answer="<script>alert(1)</script>",
        error="answered 422",
    )
    for address in (f"jobchange/{JobChange.objects.get().pk}/change/", f"attempt/{attempt.pk}/change/"):
        assert "_save" not in page(admin_client, address)
        assert admin_client.post(f"{BASE}/{address}", {}).status_code == 403
    for kind in ("jobchange", "attempt"):
        assert admin_client.get(f"{BASE}/{kind}/add/").status_code == 403
        assert "delete_selected" not in page(admin_client, f"{kind}/")
    answer = admin_client.get(f"{BASE}/attempt/{attempt.pk}/change/").content.decode()
    assert "office.Thing 5 version 3" in answer
    assert "&lt;script&gt;alert(1)" in answer
    assert "<script>alert" not in answer


def test_whoever_may_only_look_sends_nothing(client: Client) -> None:
    """Sending again needs the permission to change jobs."""
    user = User.objects.create_user("looker", password="x", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    made = application()
    Thing.objects.create(name="a")
    sequence()
    JobChange.objects.update(status=STATUS.DONE)
    act(client, "jobchange", "send_again", JobChange.objects.get())
    assert JobChange.objects.get().status == STATUS.DONE
    assert "send_again" not in page(client, "jobchange/")
    act(client, "application", "hold", made)
    assert not Application.objects.get().inactive
    user.user_permissions.add(Permission.objects.get(codename="change_jobchange"))
    act(client, "jobchange", "send_again", JobChange.objects.get())
    assert JobChange.objects.get().status == STATUS.WAITING
