"""What django-objectsyncer 1.0.1 documents, by its README, its comments and its tests, holds here."""

from __future__ import annotations

import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from modelsync.push.delivery.connecting import close_all
from modelsync.push.models import (
    Application,
    JobChange,
    TrackingAndVersioningBaseModel,
    VersioningBaseModel,
)
from modelsync.tracking.sequencing import sequence
from tests.integration.delivery.branch import Branch, branch
from tests.office.models import Unit
from tests.separate import SeparateDatabase

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]
STATUS = JobChange.STATUS
TYPES = JobChange.CHANGE_TYPES


def application(**given: Any) -> Application:
    """One that has nothing to be backfilled, so that jobs are those of the test alone."""
    return Application.objects.create(
        **{"name": "app", "api_endpoint_base": "", "api_token_key": "", "backfill": None, **given}
    )


def job(target: object, app: Application) -> JobChange:
    return JobChange.objects.get(target_model="Unit", target_uuid=str(target), application=app)


def test_statuses_and_types_are_attributes_and_texts() -> None:
    """They are compared and stored as their names."""
    assert [*STATUS] == ["WAITING", "ON_HOLD", "WAITING_AFTER_ERROR", "DONE", "FATAL_ERROR"]
    assert [*TYPES] == ["CREATE_OR_UPDATE", "DELETE"]
    assert (STATUS.WAITING_AFTER_ERROR, TYPES.DELETE) == ("WAITING_AFTER_ERROR", "DELETE")
    one = Application(name="One")
    assert (str(one), str(Application(name="Two", inactive=True))) == ("One", "Two (inactive)")
    made = JobChange(application=one, target_model="Unit", target_uuid="x", status=STATUS.DONE)
    assert str(made) == "[One] Unit x : DONE"


def test_without_applications_there_is_nothing_to_do() -> None:
    """Nobody wants to know."""
    JobChange.create("Unit", uuid.uuid4())
    Unit.objects.create(code="1", name="One")
    sequence()
    assert not JobChange.objects.exists()


@pytest.mark.parametrize("change", list(TYPES))
@pytest.mark.parametrize("name", ["Unit", "office.Unit"])
def test_a_job_for_each_application_waits(name: str, change: str) -> None:
    """Of an inactive one it is on hold. A model is known by the name of its class, and by its label."""
    active, inactive, target = application(), application(inactive=True), uuid.uuid4()
    JobChange.create(name, target, change_type=change)
    assert JobChange.objects.count() == 2
    made = job(target, active)
    assert (made.change_type, made.status, made.target_label) == (change, STATUS.WAITING, "office.Unit")
    assert (made.last_operation_date_time, made.last_operation_result) == (None, None)
    assert job(target, inactive).status == STATUS.ON_HOLD


def test_an_update_is_what_is_meant_where_nothing_is_said() -> None:
    """CREATE_OR_UPDATE: the application creates what it does not have."""
    app, target = application(), uuid.uuid4()
    JobChange.create("Unit", target)
    assert job(target, app).change_type == TYPES.CREATE_OR_UPDATE


def test_changes_of_one_object_are_one_job() -> None:
    """The last one counts; a new application gets one of its own."""
    first, target = application(), uuid.uuid4()
    JobChange.create("Unit", target)
    JobChange.create("Unit", target, TYPES.DELETE)
    assert job(target, first).change_type == TYPES.DELETE
    second = application(inactive=True)
    JobChange.create("Unit", target)
    assert [job(target, each).status for each in (first, second)] == [STATUS.WAITING, STATUS.ON_HOLD]
    assert job(target, first).change_type == TYPES.CREATE_OR_UPDATE


def test_a_finished_job_waits_again() -> None:
    """The only difference: there, the finished one stays, and a second one waits beside it."""
    app, target = application(), uuid.uuid4()
    JobChange.create("Unit", target)
    JobChange.objects.update(
        status=STATUS.DONE, next_attempt_at=None, last_operation_date_time=timezone.now()
    )
    JobChange.create("Unit", target)
    made = job(target, app)
    assert (made.status, made.version) == (STATUS.WAITING, 2)
    assert made.next_attempt_at is not None


@pytest.mark.parametrize("status", [STATUS.WAITING_AFTER_ERROR, STATUS.FATAL_ERROR])
def test_a_job_that_failed_begins_afresh_when_its_object_changes(status: str) -> None:
    """What was wrong may be mended by the change."""
    app, target = application(), uuid.uuid4()
    JobChange.create("Unit", target)
    JobChange.objects.update(status=status, attempts_started=4, attempts_finished=4)
    JobChange.create("Unit", target)
    made = job(target, app)
    assert (made.status, made.attempts_started) == (STATUS.WAITING, 0)


def test_the_jobs_of_a_deleted_application_go_with_it() -> None:
    """Those of others stay."""
    gone, stays = application(), application()
    for _ in range(5):
        JobChange.create("Unit", uuid.uuid4())
    assert JobChange.objects.count() == 10
    gone.delete()
    assert list(JobChange.objects.values_list("application", flat=True)) == [stays.pk] * 5


def test_an_application_that_becomes_inactive_has_its_jobs_on_hold() -> None:
    """Those that are done stay done, those of others wait on."""
    first, second, done, failed = application(), application(), uuid.uuid4(), uuid.uuid4()
    for target in (done, failed):
        JobChange.create("Unit", target)
    JobChange.objects.filter(target_uuid=str(done)).update(status=STATUS.DONE)
    JobChange.objects.filter(target_uuid=str(failed), application=first).update(status=STATUS.FATAL_ERROR)
    first.inactive = True
    first.save()
    assert [job(each, first).status for each in (done, failed)] == [STATUS.DONE, STATUS.ON_HOLD]
    assert [job(each, second).status for each in (done, failed)] == [STATUS.DONE, STATUS.WAITING]


def test_an_application_that_becomes_active_has_its_jobs_waiting() -> None:
    """Also with what changed meanwhile, but for what is done."""
    app, done, waits = application(inactive=True), uuid.uuid4(), uuid.uuid4()
    for target in (done, waits):
        JobChange.create("Unit", target)
    assert {*JobChange.objects.values_list("status", flat=True)} == {STATUS.ON_HOLD}
    JobChange.objects.filter(target_uuid=str(done)).update(status=STATUS.DONE)
    app.inactive = False
    app.save()
    assert [job(each, app).status for each in (done, waits)] == [STATUS.DONE, STATUS.WAITING]


def test_a_save_that_changes_neither_keeps_the_jobs() -> None:
    """Only becoming active, or inactive, changes statuses."""
    app, target = application(), uuid.uuid4()
    JobChange.create("Unit", target)
    JobChange.objects.update(status=STATUS.WAITING_AFTER_ERROR)
    app.name = "another name"
    app.save()
    assert job(target, app).status == STATUS.WAITING_AFTER_ERROR


def test_whoever_is_active_again_gets_all_its_chances(site: Any) -> None:
    """A failure of long ago does not disable it at the first one of today."""
    app = site.application()
    long_ago = timezone.now() - timedelta(days=30)
    Application.objects.update(inactive=True, failures=40, failing_since=long_ago, disabled_reason="gone")
    app.refresh_from_db()
    app.inactive = False
    app.save()
    stored = Application.objects.get()
    assert (stored.failures, stored.failing_since, stored.disabled_reason) == (0, None, "")
    assert (app.failures, app.failing_since, app.disabled_reason) == (0, None, "")


def test_the_fields_of_a_versioned_object() -> None:
    """A uuid of version 4 as the key, a version from 1, two times, and whether it is inactive."""
    names = {field.name for field in VersioningBaseModel._meta.get_fields()}
    assert names == {"uuid", "version", "creation", "last_edition", "inactive"}
    tracked = {field.name for field in TrackingAndVersioningBaseModel._meta.get_fields()}
    assert tracked - names == {"applications_active"}
    unit = Unit.objects.create(code="1", name="One")
    assert (unit.pk, unit.pk.version, unit.inactive) == (unit.uuid, 4, False)


def test_the_version_of_the_documented_model() -> None:
    """It rises when it is saved with changes, by one; the times tell when."""
    unit = Unit(code="1", name="One")
    unit.save()
    assert (unit.version, unit.last_edition - unit.creation) == (1, timedelta(0))
    unit.name = "change"
    assert unit.version == 1
    before = timezone.now()
    unit.save()
    assert unit.version == 2
    assert before <= unit.last_edition <= timezone.now()
    unit.name = "another"
    unit.name = "yet another"
    unit.save()
    assert (unit.version, Unit.objects.get().version) == (3, 3)


def test_what_becomes_inactive_is_active_for_no_application() -> None:
    """When it is saved, not before. The original says that this does not work there; it does here."""
    some = [application() for _ in range(3)]
    unit = Unit.objects.create(code="1", name="One")
    for each in some:
        unit.applications_active.add(each)
    unit.save()
    assert unit.applications_active.count() == 3
    unit.inactive = True
    assert unit.applications_active.count() == 3
    unit.save()
    assert unit.applications_active.count() == 0


def test_every_change_of_a_tracked_object_makes_a_job() -> None:
    """New, changed, active for an application, deleted. The model needs no line of code for it."""
    app = application()
    unit = Unit.objects.create(code="1", name="One")
    target = unit.pk

    def changed() -> str | None:
        sequence()
        made = job(target, app)
        was_due = made.status == STATUS.WAITING
        JobChange.objects.update(status=STATUS.DONE, next_attempt_at=None)
        return str(made.change_type) if was_due else None

    assert changed() == TYPES.CREATE_OR_UPDATE
    unit.save()
    assert changed() is None
    unit.name = "Two"
    unit.save()
    assert changed() == TYPES.CREATE_OR_UPDATE
    unit.applications_active.add(app)
    assert changed() == TYPES.CREATE_OR_UPDATE
    unit.delete()
    assert changed() == TYPES.DELETE


def push(*flags: str) -> tuple[str, str]:
    """What push_changes prints, to stdout and to stderr; what it fails with is on stderr."""
    out, err = StringIO(), StringIO()
    try:
        call_command("push_changes", *flags, stdout=out, stderr=err)
    except CommandError as error:
        err.write(f"{error}\n")
    return out.getvalue(), err.getvalue()


@pytest.fixture
def receiver() -> Any:
    """A server on this machine."""
    with branch() as made:
        yield made
        close_all()


def test_push_changes_sends_what_waits(receiver: Branch) -> None:
    """Silently, unless it is to tell."""
    application(api_endpoint_base=receiver.url, api_token_key="secret", concurrency=1)
    Unit.objects.create(code="1", name="One")
    assert push() == ("", "")
    assert receiver.keys == ["Api-Key secret"]
    Unit.objects.create(code="2", name="Two")
    Unit.objects.create(code="3", name="Three")
    out, err = push("--verbose")
    numbers = JobChange.objects.order_by("pk").values_list("pk", flat=True)[1:]
    told = [f"Job #{number} successfully pushed" for number in numbers]
    assert out.splitlines() == ["2 job(s) found", *told, "2/2 job(s) successfully pushed"]
    assert err == ""
    assert push("--verbose")[0].splitlines() == ["0 job(s) found", "0/0 job(s) successfully pushed"]
    assert [each["data"]["name"] for each in receiver.taken] == ["One", "Two", "Three"]


def test_what_failed_waits_for_its_flag(receiver: Branch) -> None:
    """`--retryfail` and `--retryfatal`; errors go to stderr, with the reason in the job."""
    application(api_endpoint_base=receiver.url, concurrency=1)
    Unit.objects.create(code="1", name="later")
    Unit.objects.create(code="2", name="never")
    receiver.answers |= {"later": (200, {"success": False, "error": "not now"}), "never": (422, {})}
    out, err = push("--verbose")
    assert out.splitlines() == ["2 job(s) found", "0/2 job(s) successfully pushed"]
    later, never = JobChange.objects.order_by("pk")
    assert (later.status, later.last_operation_result) == (STATUS.WAITING_AFTER_ERROR, "not now")
    assert (never.status, never.next_attempt_at) == (STATUS.FATAL_ERROR, None)
    assert "422" in str(never.last_operation_result)
    assert later.last_operation_date_time is not None
    lines = err.splitlines()
    assert {line.partition(" (")[0] for line in lines[:2]} == {f"Job #{later.pk}", f"Job #{never.pk}"}
    assert lines[-1] == "2/2 job(s) failed"
    assert "failed with error not now" in err
    receiver.answers.clear()
    assert push("--verbose")[0].splitlines()[0] == "0 job(s) found"
    out, _ = push("--verbose", "--retryfail")
    assert out.splitlines()[0] == "1 job(s) found"
    assert [*JobChange.objects.order_by("pk").values_list("status", flat=True)] == [
        STATUS.DONE,
        STATUS.FATAL_ERROR,
    ]
    assert push("--retryfatal") == ("", "")
    assert {*JobChange.objects.values_list("status", flat=True)} == {STATUS.DONE}
    assert not JobChange.objects.exclude(last_operation_result=None).exists()


def test_a_preview_sends_nothing(receiver: Branch) -> None:
    """`--dry-run` counts by application and model."""
    application(name="branch", api_endpoint_base=receiver.url)
    unit = Unit.objects.create(code="1", name="One")
    Unit.objects.create(code="2", name="Two")
    unit.delete()
    out, _ = push("--dry-run")
    assert out.splitlines()[0] == "2 job(s) found"
    assert sorted(out.splitlines()[1:]) == [
        "  branch: 1 Unit, CREATE_OR_UPDATE",
        "  branch: 1 Unit, DELETE",
    ]
    assert receiver.taken == []
    assert {*JobChange.objects.values_list("status", flat=True)} == {STATUS.WAITING}


def test_one_application_alone(receiver: Branch) -> None:
    """`--application` takes its name or its number; an unknown one names those that are there."""
    first = application(name="first", api_endpoint_base=receiver.url)
    second = application(name="second", api_endpoint_base=receiver.url)
    Unit.objects.create(code="1", name="One")
    assert push("--verbose", "--application", "first")[0].splitlines()[0] == "1 job(s) found"
    assert [each.status for each in (first.jobchange_set.get(), second.jobchange_set.get())] == [
        STATUS.DONE,
        STATUS.WAITING,
    ]
    push("--application", str(second.pk))
    assert len(receiver.taken) == 2
    _, err = push("--application", "third")
    assert "first" in err
    assert "second" in err


def test_a_process_of_cron(separate_database: SeparateDatabase, receiver: Branch) -> None:
    """The exit status says whether something failed."""
    using = separate_database.alias
    Application(name="branch", api_endpoint_base=receiver.url, backfill=None).save(using=using)
    Unit(code="1", name="One").save(using=using)
    done = separate_database.run("push_changes", "--verbose")
    number = JobChange.objects.using(using).get().pk
    assert done.stdout.splitlines() == [
        "1 job(s) found",
        f"Job #{number} successfully pushed",
        "1/1 job(s) successfully pushed",
    ]
    assert (done.returncode, done.stderr) == (0, "")
    receiver.answers["Two"] = 200, {"success": False, "error": "no"}
    unit = Unit.objects.using(using).get()
    unit.name = "Two"
    unit.save(using=using)
    failed = separate_database.run("push_changes")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert f"Job #{number} (office.Unit {unit.pk}) failed with error no" in failed.stderr
    assert "Traceback" not in failed.stderr
    receiver.answers.clear()
    assert separate_database.run("push_changes", "--retryfail").returncode == 0
    assert [each["data"]["name"] for each in receiver.taken] == ["One", "Two"]
