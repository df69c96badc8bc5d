"""Those that changes are pushed to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, router, transaction

from modelsync.push.secrets import EncryptedField


class Application(models.Model):
    """A remote site that has an endpoint for changes.

    `filters` says what it gets: `{"shop.Product": {"fields": [names], "rows": {lookup: value}}}`, with
    `false` for a model of which it gets nothing, and `"*"` for the models that are not named.
    """

    class Protocol(models.IntegerChoices):
        """What is sent; see docs/reference/push-protocol.md."""

        OBJECTSYNCER = 1, "1: one object a request, with an Api-Key"
        WEBHOOKS = 2, "2: Standard Webhooks, signed, up to 100 changes a request"

    name = models.CharField(max_length=250)
    api_endpoint_base = models.CharField(max_length=500, help_text="The address that changes are posted to.")
    api_token_key = EncryptedField(blank=True, default="", help_text="Sent as Api-Key.")
    inactive = models.BooleanField(default=False, help_text="Its changes wait until it is active again.")

    protocol = models.PositiveSmallIntegerField(choices=Protocol, default=Protocol.OBJECTSYNCER)
    signing_secrets = EncryptedField(
        blank=True, default=list, help_text="Of protocol 2: whsec_..., the newest first; all of them sign."
    )
    ca = models.CharField(
        max_length=500, blank=True, default="", help_text="A file of certificates to trust, as PEM."
    )
    client_certificate = models.CharField(
        max_length=500, blank=True, default="", help_text="A file with our certificate and key, as PEM."
    )
    filters = models.JSONField(blank=True, default=dict)
    concurrency = models.PositiveSmallIntegerField(
        default=4, validators=[MinValueValidator(1)], help_text="Requests at a time."
    )
    rate = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0.001)], help_text="Requests a second, at most."
    )
    batch_size = models.PositiveSmallIntegerField(
        default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Of protocol 2: changes a request, at most.",
    )

    # The breaker: how often in a row nothing came back, since when, and until when nothing is sent.
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    not_before = models.DateTimeField(null=True, editable=False)
    disabled_reason = models.TextField(blank=True, default="", editable=False)
    # The epochs of the feed before this one, until it was told that all of the new one has been sent.
    former_epochs = models.JSONField(default=list, editable=False)
    # The label and key that the backfill has come to; None when it is done.
    backfill = models.JSONField(null=True, default=list, editable=False)

    def __str__(self) -> str:
        return f"{self.name} (inactive)" if self.inactive else self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save. The unfinished jobs of an inactive application are on hold; of an active one, they wait.

        Who becomes active again begins afresh, whatever failed before. Whose filters change gets everything
        anew.
        """
        from modelsync.push.jobs import JobChange
        from modelsync.push.queueing import resend

        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            rows = type(self).objects.using(using).filter(pk=self.pk)
            before = rows.values("filters", "inactive").first()
            super().save(*args, **kwargs)
            JobChange.objects.using(using).hold_or_release(self)
            if before and before["inactive"] and not self.inactive:
                self.failures, self.failing_since, self.not_before, self.disabled_reason = 0, None, None, ""
                rows.update(failures=0, failing_since=None, not_before=None, disabled_reason="")
            if before and before["filters"] != self.filters:
                resend(using, self)
                self.backfill = []

    def clean(self) -> None:
        """Refuse filters that are none."""
        if not isinstance(self.filters, Mapping):
            raise ValidationError({"filters": "It must be an object: a model's label -> what is sent of it."})
        for label, given in self.filters.items():
            if given is False:
                continue
            if not isinstance(given, Mapping) or not set(given) <= {"fields", "rows"}:
                raise ValidationError(
                    {"filters": f'{label}: it must be false, or an object with "fields", "rows" or both.'}
                )
