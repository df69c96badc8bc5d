"""Taking over the tables of django-objectsyncer."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test.utils import isolate_apps

from modelsync.core.errors import ConfigurationError, ConflictError
from modelsync.push.adopting import adopt_objectsyncer
from modelsync.push.models import Application, JobChange
from tests.office.models import Unit
from tests.postbox import Postbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
STATUS = JobChange.STATUS
KEY = "fd2f5e0c-5b4e-4b3a-9d57-0f3a1c8a7b1e"


class Theirs:
    """Its tables in one app, as its models make them."""

    @isolate_apps()
    def __init__(self, app: str) -> None:
        label = app

        class Application(models.Model):
            name = models.CharField(max_length=250)
            api_endpoint_base = models.CharField(max_length=500)
            api_token_key = models.CharField(max_length=250)
            inactive = models.BooleanField(default=False)

            class Meta:
                app_label = label

        class JobChange(models.Model):
            application = models.ForeignKey(Application, models.CASCADE)
            request_date_time = models.DateTimeField(auto_now_add=True)
            change_type = models.CharField(max_length=25)
            target_model = models.CharField(max_length=50)
            target_uuid = models.CharField(max_length=36)
            status = models.CharField(max_length=25)
            last_operation_date_time = models.DateTimeField(blank=True, null=True)
            last_operation_result = models.TextField(blank=True, null=True)

            class Meta:
                app_label = label

        self.application: Any = Application
        self.job: Any = JobChange

    def create(self) -> None:
        with connection.schema_editor() as editor:
            editor.create_model(self.application)
            editor.create_model(self.job)

    def drop(self) -> None:
        with connection.schema_editor() as editor:
            editor.delete_model(self.job)
            editor.delete_model(self.application)

    def fill(self) -> None:
        """Two applications, with a job of each status."""
        for pk, inactive in ((7, False), (9, True)):
            self.application.objects.create(
                pk=pk,
                name=f"app {pk}",
                api_endpoint_base=f"https://{pk}/",
                api_token_key="k",
                inactive=inactive,
            )
        for number, status in enumerate(STATUS):
            self.add(7, f"{number}{KEY[1:]}", status)
        self.add(9, KEY, STATUS.ON_HOLD)

    def add(self, application: int, key: str, status: str, model: str = "Unit", **given: Any) -> None:
        values = {"change_type": "CREATE_OR_UPDATE", **given}
        self.job.objects.create(
            application_id=application, target_model=model, target_uuid=key, status=status, **values
        )


@pytest.fixture
def theirs(transactional_db: None) -> Iterator[Theirs]:
    made = Theirs("centralhub")
    made.create()
    yield made
    made.drop()


def test_applications_and_unfinished_jobs_are_copied(theirs: Theirs) -> None:
    """With their primary keys and statuses; what is done is done."""
    theirs.fill()
    theirs.add(7, KEY, STATUS.WAITING_AFTER_ERROR, change_type="DELETE", last_operation_result="NO")
    done = adopt_objectsyncer("default")
    assert (done.app, done.applications_found, done.applications_copied) == ("centralhub", 2, 2)
    assert (done.jobs_found, done.jobs_copied, done.unknown) == (6, 6, [])
    first, second = Application.objects.order_by("pk")
    assert (first.pk, first.name, first.api_endpoint_base) == (7, "app 7", "https://7/")
    assert (first.api_token_key, first.inactive, second.pk, second.inactive) == ("k", False, 9, True)
    jobs = JobChange.objects.filter(application=first, target_label="office.Unit")
    assert not jobs.filter(status=STATUS.DONE).exists()
    deletion = jobs.get(target_uuid=KEY)
    assert (deletion.change_type, deletion.status) == ("DELETE", STATUS.WAITING_AFTER_ERROR)
    assert (deletion.last_operation_result, deletion.next_attempt_at is None) == ("NO", False)
    assert jobs.get(status=STATUS.FATAL_ERROR).next_attempt_at is None
    assert JobChange.objects.get(application=second).status == STATUS.ON_HOLD
    assert Application.objects.create(name="new", api_endpoint_base="https://new/").pk > 9


def test_what_was_copied_is_delivered(theirs: Theirs, site: Any) -> None:
    """A deletion that waited, whatever a filter says of what is there; and everything else, once more."""
    theirs.fill()
    theirs.job.objects.all().delete()
    theirs.add(7, KEY, STATUS.WAITING, change_type="DELETE")
    unit = Unit.objects.create(code="1", name="One")
    adopt_objectsyncer("default")
    Application.objects.update(filters={"office.Unit": {"rows": {"code": "1"}}})
    site.boxes[7] = Postbox()
    application = Application.objects.get(pk=7)
    site.drain(application)
    assert site.drain(application).failed == 0
    assert site.boxes[7].held["Unit", KEY][1] is None
    assert set(site.boxes[7].there("Unit")) == {str(unit.pk)}


def test_a_second_time_copies_what_is_new(theirs: Theirs) -> None:
    """What is here stays as it is."""
    theirs.fill()
    adopt_objectsyncer("default")
    JobChange.objects.update(status=STATUS.DONE)
    again = adopt_objectsyncer("default")
    assert (again.applications_copied, again.jobs_copied, again.jobs_found) == (0, 0, 5)
    assert {*JobChange.objects.values_list("status", flat=True)} == {STATUS.DONE}
    theirs.add(7, KEY, STATUS.WAITING)
    assert adopt_objectsyncer("default").jobs_copied == 1


def test_a_dry_run_changes_nothing(theirs: Theirs) -> None:
    """It counts as the real one would."""
    theirs.fill()
    done = adopt_objectsyncer("default", dry_run=True)
    assert (done.applications_copied, done.jobs_copied) == (2, 5)
    assert not Application.objects.exists()
    assert not JobChange.objects.exists()


def test_another_application_with_the_same_key_is_in_the_way(theirs: Theirs) -> None:
    """The objects that are active for one would be active for the other."""
    theirs.fill()
    Application(pk=9, name="mine", api_endpoint_base="https://mine/").save()
    with pytest.raises(ConflictError, match="app 9 has the primary key 9"):
        adopt_objectsyncer("default")
    assert not Application.objects.filter(pk=7).exists()


def test_jobs_of_models_that_are_not_here_are_left_out(theirs: Theirs) -> None:
    """They are named."""
    theirs.fill()
    theirs.add(7, KEY, STATUS.WAITING, model="Ghost")
    done = adopt_objectsyncer("default")
    assert (done.jobs_found, done.jobs_copied, done.unknown) == (6, 5, ["Ghost"])


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("modelsync_adopt", "objectsyncer", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_says_what_it_did_and_what_is_left_to_do(theirs: Theirs) -> None:
    """As it does for django-nsync; what it cannot do it says, too."""
    theirs.fill()
    theirs.add(7, KEY, STATUS.WAITING, model="Ghost")
    assert "applications of centralhub: 2 found, 2 would be copied" in command("--dry-run")
    said = command("--app", "centralhub")
    assert "unfinished jobs: 6 found, 5 copied" in said
    assert "left out, since no model here has the name: Ghost" in said
    assert "makemigrations" in said
    for wrong, words in (
        ("--drop", "--drop is for nsync"),
        ("--app=none", "no tables of django-objectsyncer"),
    ):
        with pytest.raises(CommandError, match=words) as caught:
            command(wrong)
        assert caught.value.returncode == 2
    with pytest.raises(CommandError, match="--app is for objectsyncer"):
        call_command("modelsync_adopt", "nsync", "--app", "x")


def test_of_several_apps_one_must_be_said(theirs: Theirs) -> None:
    """They are named."""
    other = Theirs("another")
    other.create()
    try:
        with pytest.raises(ConfigurationError, match="say --app: another, centralhub"):
            adopt_objectsyncer("default")
        assert adopt_objectsyncer("default", app="another").applications_found == 0
    finally:
        other.drop()


def test_without_tables_it_says_which() -> None:
    """And where else they might be."""
    with pytest.raises(ConfigurationError, match="APP_application, APP_jobchange"):
        adopt_objectsyncer("default")
