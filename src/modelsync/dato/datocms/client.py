"""Asking DatoCMS: one query, its answer, and what goes wrong, as the error tree has it."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx2
import msgspec
import stamina

from modelsync.core.errors import Permanent, SourceError, Transient
from modelsync.dato.datocms.access import Access
from modelsync.sources.retrying import TRIES, again
from modelsync.sources.site.discretion import discreet
from modelsync.sources.site.faults import first_line, told

_NAME: Final = "DatoCMS"
_REMEDIES: Final = {
    "INVALID_AUTHORIZATION_HEADER": "check settings.DATOCMS_API_TOKEN",
    "INSUFFICIENT_PERMISSIONS": "give the token of settings.DATOCMS_API_TOKEN the right to read this",
    "INVALID_ENVIRONMENT": "check settings.DATOCMS_ENVIRONMENT; without it the primary environment is read",
}
#: Seconds to wait after 429 where the answer does not say.
_PAUSE: Final = 1.0


class TooComplexError(Permanent):
    """A query costs more than the API allows: half of it may do."""


class DatoClient:
    """A connection to the API, to be closed at the end: `with DatoClient(access) as client`.

    Args:
        access: how to reach the project.
        tries: how often a request is made that fails in a way that may be over soon.
        transport: what sends the requests in place of the network.
    """

    def __init__(
        self, access: Access, *, tries: int = TRIES, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self.access = access
        self.tries = tries
        #: Requests that were made; what the last answer cost, and what one may cost, if it said so.
        self.requests = 0
        self.cost: int | None = None
        self.limit: int | None = None
        self.client = httpx2.Client(
            timeout=httpx2.Timeout(access.timeout, connect=10.0),
            headers=access.headers,
            transport=transport,
            mounts={f"all://{host}": None for host in ("localhost", "127.0.0.1", "[::1]")},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def ask(self, query: str, variables: Mapping[str, object] | None = None) -> Mapping[str, Any]:
        """The data of a query.

        What may be over soon is tried again, after as long as the API asks for. Raises TooComplexError,
        Permanent for what another try does not mend, Transient for what went on for too long.
        """
        body = {"query": query, "variables": dict(variables or {})}
        for attempt in stamina.retry_context(on=again, attempts=self.tries, timeout=None):
            with attempt:
                return self._once(body)
        raise AssertionError("unreachable")  # pragma: no cover

    def _once(self, body: Mapping[str, object]) -> Mapping[str, Any]:
        self.requests += 1
        with told(_NAME), discreet():
            response = self.client.post(self.access.url, json=body)
        self.cost, self.limit = _number(response, "X-Complexity"), _number(response, "X-Max-Complexity")
        said = _read(response)
        if response.status_code != 200:
            raise _refusal(response, said)
        if errors := said.get("errors"):
            raise _fault(errors)
        data = said.get("data")
        if not isinstance(data, dict):
            raise Permanent(f"{_NAME} answered without data: {first_line(response.text)}")
        return data


def _read(response: httpx2.Response) -> dict[str, Any]:
    """What an answer says; empty where an answer that is no 200 is no JSON."""
    try:
        said = msgspec.json.decode(response.content)
    except ValueError as error:
        if response.status_code == 200:
            raise Transient(f"{_NAME} answered with what is no JSON: {first_line(response.text)}") from error
        return {}
    return said if isinstance(said, dict) else {}


def _refusal(response: httpx2.Response, said: Mapping[str, Any]) -> SourceError:
    status = response.status_code
    if status == 429:
        return Transient(f"{_NAME} answered 429, too many requests", retry_after=_reset(response))
    code, details = _code(said)
    shown = f"{_NAME} answered {status}{f', {code}' if code else ''}"
    if status >= 500 or status == 408:
        return Transient(f"{shown}: {first_line(response.text)}")
    remedy = _REMEDIES.get(code)
    return Permanent(f"{shown}; {remedy}" if remedy else f"{shown}: {details or first_line(response.text)}")


def _number(response: httpx2.Response, header: str) -> int | None:
    said = response.headers.get(header, "")
    return int(said) if said.isdecimal() else None


def _reset(response: httpx2.Response) -> float:
    try:
        return max(float(response.headers.get("x-ratelimit-reset", "")), 0.0) or _PAUSE
    except ValueError:
        return _PAUSE


def _code(said: Mapping[str, Any]) -> tuple[str, str]:
    """The code of an error and its details, which stand at the top, or below `data`."""
    found: Any = said.get("data", said)
    found = found[0] if isinstance(found, list) and found else found
    attributes = found.get("attributes", {}) if isinstance(found, dict) else {}
    if not isinstance(attributes, dict):
        return "", ""
    return str(attributes.get("code", "")), first_line(str(attributes.get("details", "") or ""))


def _fault(errors: object) -> Permanent:
    """The error of a query that the API does not answer."""
    messages = [
        str(each.get("message", each)) if isinstance(each, dict) else str(each)
        for each in (errors if isinstance(errors, list) else [errors])
    ]
    text = first_line("; ".join(messages))
    if any("complex" in each.lower() for each in messages):
        return TooComplexError(f"{_NAME} finds a query too complex: {text}")
    return Permanent(f"{_NAME} does not answer a query: {text}")
