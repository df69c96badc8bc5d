"""The admin's pages: applications, their deliveries, and what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.timezone import is_aware, localtime

from modelsync.core.errors import ConfigurationError
from modelsync.push.applications import Application
from modelsync.push.filtering import faults_of
from modelsync.push.forms import SecretField
from modelsync.push.jobs import Attempt, JobChange
from modelsync.push.queueing import resend
from modelsync.tracking.registry import REGISTRY

if TYPE_CHECKING:
    _ApplicationAdmin = admin.ModelAdmin[Application]
    _ApplicationForm = forms.ModelForm[Application]
    _Admin = admin.ModelAdmin[Any]
else:
    _ApplicationAdmin = _Admin = admin.ModelAdmin
    _ApplicationForm = forms.ModelForm

_STATUS: Final = JobChange.STATUS
_FAILED: Final = (_STATUS.WAITING_AFTER_ERROR, _STATUS.FATAL_ERROR)
#: Read only where they are wanted: whoever lost the key that they were encrypted with still gets pages.
_SECRETS: Final = ("api_token_key", "signing_secrets")
_FIELDS: Final = ("name", "protocol", "api_endpoint_base", "inactive", "filters")
_CONNECTION: Final = ("ca", "client_certificate", "concurrency", "rate", "batch_size")
_LENGTH: Final = 80


class ApplicationForm(_ApplicationForm):
    """An application. Its Api-Key is entered, and never shown."""

    new_api_key = SecretField(label="Api-Key", help_text="Of protocol 1.")

    class Meta:
        model = Application
        fields = (*_FIELDS, *_CONNECTION)

    def clean_filters(self) -> object:
        """Every fault, in words."""
        given = self.cleaned_data["filters"]
        filters = {} if given is None else given
        if faults := faults_of(filters):
            raise forms.ValidationError(faults)
        return filters

    def save(self, commit: bool = True) -> Application:
        """With the new key, if one was entered."""
        if key := self.cleaned_data.get("new_api_key"):
            self.instance.api_token_key = key
        return super().save(commit)


@admin.register(Application)
class ApplicationAdmin(_ApplicationAdmin):
    """Applications, how they do, and what waits for them."""

    form = ApplicationForm
    list_display = ("name", "speaks", "state", "waiting", "failed", "on_hold")
    list_filter = ("inactive", "protocol")
    search_fields = ("name", "api_endpoint_base")
    actions = ("hold", "release", "push_now", "send_everything")
    readonly_fields = ("secrets", "state", "waiting", "failed", "on_hold")
    fieldsets = (
        (None, {"fields": ("name", "protocol", "api_endpoint_base", "new_api_key", "secrets", "inactive")}),
        ("What it gets", {"fields": ("filters",)}),
        ("Connection", {"fields": _CONNECTION, "classes": ("collapse",)}),
        ("Now", {"fields": ("state", "waiting", "failed", "on_hold")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        """With the numbers of jobs, without the secrets."""
        rows = super().get_queryset(request).defer(*_SECRETS)
        return rows.annotate(
            waiting=_number(_STATUS.WAITING), failed=_number(*_FAILED), on_hold=_number(_STATUS.ON_HOLD)
        )

    def save_model(self, request: HttpRequest, obj: Application, form: Any, change: bool) -> None:
        """Write what can be entered only: what workers write meanwhile stays."""
        if not change:
            obj.save()
            if obj.protocol == Application.Protocol.WEBHOOKS:
                self.message_user(
                    request,
                    f"It needs a signing secret before anything is sent: manage.py rotate_secret {obj.pk}",
                    messages.WARNING,
                )
            return
        names = [*_FIELDS, *_CONNECTION]
        obj.save(update_fields=[*names, *(["api_token_key"] if form.cleaned_data["new_api_key"] else [])])

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes with applications, counted: a list of all their jobs may be long."""
        found = list(objs)
        counts = {
            str(model._meta.verbose_name_plural): model._default_manager.filter(application__in=found).count()
            for model in (JobChange, Attempt)
        }
        return [str(each) for each in found], {"applications": len(found), **counts}, set(), []

    @admin.display(description="Protocol", ordering="protocol")
    def speaks(self, obj: Application) -> int:
        """The number alone."""
        return obj.protocol

    @admin.display(description="State")
    def state(self, obj: Application) -> str:
        """How it does."""
        if obj._state.adding:
            return "-"
        if obj.inactive:
            return f"on hold: {obj.disabled_reason}" if obj.disabled_reason else "on hold"
        if obj.failing_since:
            again = f", next try {_when(obj.not_before)}" if obj.not_before else ""
            return f"failing since {_when(obj.failing_since)}{again}"
        return "active" if obj.backfill is None else "active, gets everything that is there"

    @admin.display(description="Signing secrets")
    def secrets(self, obj: Application) -> str:
        """How many there are."""
        if obj._state.adding:
            return "Of protocol 2. When it is saved, make one: manage.py rotate_secret ID"
        try:
            number = len(obj.signing_secrets)
        except ConfigurationError as error:
            return str(error)
        return f"{number}, not shown. A new one: manage.py rotate_secret {obj.pk}"

    @admin.display(description="Waiting", ordering="waiting")
    def waiting(self, obj: Application) -> str:
        """Jobs to be sent."""
        return self._jobs(obj, "waiting", _STATUS.WAITING)

    @admin.display(description="Failed", ordering="failed")
    def failed(self, obj: Application) -> str:
        """Jobs that failed, to be tried again or given up."""
        return self._jobs(obj, "failed", *_FAILED)

    @admin.display(description="On hold", ordering="on_hold")
    def on_hold(self, obj: Application) -> str:
        """Jobs that wait for the application to be active again."""
        return self._jobs(obj, "on_hold", _STATUS.ON_HOLD)

    @admin.action(description="Put on hold", permissions=["change"])
    def hold(self, request: HttpRequest, queryset: QuerySet[Application]) -> None:
        """Nothing is sent until they are released."""
        self._set_inactive(request, queryset, True, "put on hold")

    @admin.action(description="Release", permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Application]) -> None:
        """What was on hold waits to be sent."""
        self._set_inactive(request, queryset, False, "released")

    @admin.action(description="Push now", permissions=["change"])
    def push_now(self, request: HttpRequest, queryset: QuerySet[Application]) -> None:
        """What waits for its next attempt is due now, also where the breaker is open."""
        number = 0
        for application in queryset:
            using = _database(application)
            open_jobs = JobChange.objects.using(using).filter(
                application=application, status__in=[_STATUS.WAITING, _STATUS.WAITING_AFTER_ERROR]
            )
            number += open_jobs.retry(timezone.now())
            Application.objects.using(using).filter(pk=application.pk).update(not_before=None)
        self.message_user(request, f"{number:,} jobs are due now; workers send them.")

    @admin.action(description="Send everything again", permissions=["change"])
    def send_everything(self, request: HttpRequest, queryset: QuerySet[Application]) -> None:
        """For applications that lost what they had."""
        for application in queryset:
            resend(_database(application), application)
        self.message_user(request, f"{len(queryset):,} applications get everything anew.")

    def _set_inactive(
        self, request: HttpRequest, queryset: QuerySet[Application], inactive: bool, done: str
    ) -> None:
        number = 0
        for application in queryset.exclude(inactive=inactive):
            application.inactive = inactive
            application.save(update_fields=["inactive"])
            number += 1
        self.message_user(request, f"{number:,} applications were {done}.")

    def _jobs(self, obj: Application, name: str, *statuses: str) -> str:
        if obj._state.adding:
            return "-"
        address = reverse(f"{self.admin_site.name}:modelsync_push_jobchange_changelist")
        query = urlencode({"application": obj.pk, "status__in": ",".join(statuses)})
        return format_html('<a href="{}?{}">{}</a>', address, query, f"{getattr(obj, name):,}")


class OfApplication(admin.SimpleListFilter):
    """By application; their secrets are not read."""

    title = "application"
    parameter_name = "application"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """All of them."""
        names = Application.objects.order_by("name").values_list("pk", "name")
        return [(str(number), name) for number, name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Those of one."""
        value = self.value()
        return queryset.filter(application=int(value)) if value and value.isdecimal() else queryset


class OfModel(admin.SimpleListFilter):
    """By model: of those that are tracked, so that no table has to be read for the list."""

    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Sequence[tuple[str, str]]:
        """Their labels."""
        return [(label, label) for label in sorted(each.label for each in REGISTRY)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Those of one."""
        return queryset.filter(target_label=self.value()) if self.value() else queryset


class _ReadOnly(_Admin):
    """What nobody enters."""

    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With their applications, without the secrets of these."""
        rows = super().get_queryset(request).select_related("application")
        return rows.defer(*(f"application__{name}" for name in _SECRETS))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only with its application."""
        return False


@admin.register(JobChange)
class JobChangeAdmin(_ReadOnly):
    """Deliveries."""

    list_display = (
        "target_model",
        "target_uuid",
        "application",
        "change_type",
        "status",
        "result",
        "next_attempt_at",
    )
    list_filter = (OfApplication, "status", OfModel)
    search_fields = ("target_uuid__startswith",)
    search_help_text = "The beginning of an object's key"
    actions = ("send_again",)
    ordering = ("-pk",)
    exclude = ("lease_token",)

    @admin.display(description="Result")
    def result(self, obj: JobChange) -> str:
        """The beginning of what the last attempt came to."""
        said = obj.last_operation_result or ""
        return said if len(said) <= _LENGTH else f"{said[:_LENGTH]}…"

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: Any) -> None:
        """As if they had never been tried."""
        # What the list shows is joined; the database updates by keys.
        keys = list(queryset.values_list("pk", flat=True))
        sent = JobChange.objects.using(queryset.db).filter(pk__in=keys).retry(timezone.now())
        left = len(keys) - sent
        said = f" {left:,} were left alone: on their way, or on hold." if left else ""
        self.message_user(request, f"{sent:,} jobs will be sent again.{said}")

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Whoever may change jobs may have them sent again, and nothing else."""
        return request.user.has_perm("modelsync_push.change_jobchange")


@admin.register(Attempt)
class AttemptAdmin(_ReadOnly):
    """Requests, and the answers."""

    list_display = ("started_at", "application", "objects", "status", "duration", "fault")
    list_filter = (OfApplication, "started_at")
    ordering = ("-started_at",)
    fields = ("application", "started_at", "duration", "status", "error", "sent_objects", "answer")
    readonly_fields = ("duration", "sent_objects")

    @admin.display(description="Objects")
    def objects(self, obj: Attempt) -> int:
        """How many were in it."""
        return len(obj.sent)

    @admin.display(description="Seconds", ordering="seconds")
    def duration(self, obj: Attempt) -> str:
        """How long it took."""
        return f"{obj.seconds:.3f}"

    @admin.display(description="Error")
    def fault(self, obj: Attempt) -> str:
        """The beginning of what went wrong."""
        return obj.error if len(obj.error) <= _LENGTH else f"{obj.error[:_LENGTH]}…"

    @admin.display(description="Sent")
    def sent_objects(self, obj: Attempt) -> str:
        """Which objects, in which versions."""
        return "\n".join(f"{label} {key} version {version}" for label, key, version in obj.sent)


def _number(*statuses: str) -> Any:
    jobs = JobChange.objects.filter(application=OuterRef("pk"), status__in=statuses).order_by()
    return Coalesce(Subquery(jobs.values("application").annotate(number=Count("pk")).values("number")), 0)


def _database(application: Application) -> str:
    return application._state.db or "default"


def _when(moment: Any) -> str:
    return str(localize(localtime(moment) if is_aware(moment) else moment))
