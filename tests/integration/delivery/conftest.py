"""A clock, applications, and what they got."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from modelsync.push.delivery.draining import Drain, Drained, drain
from modelsync.push.models import Application
from tests.postbox import Postbox


class Clock:
    """Says what time it is; hours pass when told."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return timezone.now() + self.ahead

    @property
    def now(self) -> datetime:
        return self()

    def pass_by(self, **some: float) -> None:
        """Time passes."""
        self.ahead += timedelta(**some)

    def go_to(self, when: datetime) -> None:
        """Time passes until then."""
        self.ahead = when - timezone.now()


class Site:
    """Applications of one site, each with a postbox, drained by the clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.boxes: dict[int, Postbox] = {}
        self.steps: list[Any] = []
        self.told: list[Any] = []

    def application(self, name: str = "app", **given: Any) -> Application:
        """A new one, whose backfill is over."""
        values = {"api_endpoint_base": "https://app.test/", "concurrency": 1, "backfill": None, **given}
        made = Application.objects.create(name=name, **values)
        self.boxes[made.pk] = Postbox()
        return made

    def drain(self, application: Application, **given: Any) -> Drained:
        """Send what is due now."""
        options = Drain(
            **{
                "transport": self.boxes[application.pk],
                "clock": self.clock,
                "chance": lambda: 0.5,
                "watchers": [self],
                **given,
            }
        )
        return drain(application.pk, options)

    def reached(self, step: str) -> None:
        self.steps.append(step)

    def delivered(self, told: Any) -> None:
        self.told.append(told)


@pytest.fixture
def site(request: Any) -> Site:
    """A site."""
    return Site()
