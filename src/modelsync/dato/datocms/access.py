"""How to reach a DatoCMS project: the settings that django-dato-sync has, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings

from modelsync.core.errors import ConfigurationError

#: Where the Content Delivery API of every project is.
URL: Final = "https://graphql.datocms.com/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An API token and what is to be read with it.

    Args:
        token: an API token of the project that may read its content.
        url: the address of the API.
        environment: a sandbox environment; the primary one where there is none.
        drafts: whether records that are not published come, too, and unpublished changes of those that are.
        only_valid: whether records are left out that break their own rules.
        timeout: seconds that may pass without a byte.
    """

    token: str
    url: str = URL
    environment: str = ""
    drafts: bool = False
    only_valid: bool = False
    timeout: float = 30.0

    @property
    def headers(self) -> dict[str, str]:
        """What every request says of it. Of the switches, the API knows the word `true` only."""
        said = {"Authorization": f"Bearer {self.token}"}
        if self.environment:
            said["X-Environment"] = self.environment
        if self.drafts:
            said["X-Include-Drafts"] = "true"
        if self.only_valid:
            said["X-Exclude-Invalid"] = "true"
        return said


def access() -> Access:
    """That of Django's settings; raises ConfigurationError where there is none."""
    token = getattr(settings, "DATOCMS_API_TOKEN", "")
    if not isinstance(token, str) or not token.strip():
        raise ConfigurationError(
            "settings.DATOCMS_API_TOKEN is not set; in DatoCMS, Project Settings > API Tokens has one that "
            "may read content"
        )
    return Access(
        token=token.strip(),
        url=getattr(settings, "DATOCMS_API_URL", "") or URL,
        environment=getattr(settings, "DATOCMS_ENVIRONMENT", "") or "",
    )
