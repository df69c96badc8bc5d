"""The two versions of the wire: requests from letters, and verdicts from answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Final, Protocol, TypeAlias
from uuid import UUID

import msgspec
from django.core.serializers.json import DjangoJSONEncoder

from modelsync.push.applications import Application
from modelsync.push.delivery.composing import Letter
from modelsync.push.delivery.signing import sign
from modelsync.push.delivery.transport import Answer, Request
from modelsync.push.delivery.verdicts import DONE, Judged, Verdict, judge_status
from modelsync.push.jobs import JobChange
from modelsync.sources.retrying import retry_after
from modelsync.sources.site.faults import first_line

#: Bytes of a request, about, after which another one is begun.
_ENOUGH: Final = 1_000_000
_JSON: Final = "application/json"

Clock: TypeAlias = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """Letters that go out in one request."""

    letters: tuple[Letter, ...]
    body: bytes


class Wire(Protocol):
    """A version of the wire, for one application."""

    def parcels(self, letters: Sequence[Letter]) -> Iterator[Parcel]:
        """The letters, in as few requests as it allows."""
        ...

    def request(self, parcel: Parcel) -> Request:
        """The request, as it is sent now."""
        ...

    def judge(self, parcel: Parcel, answer: Answer) -> Sequence[Judged]:
        """A verdict for each letter."""
        ...

    def closing(self, labels: Sequence[str], former: Sequence[str]) -> Request | None:
        """What tells that everything of these models has been sent in this epoch, after those before it.

        None if nothing can tell it.
        """
        ...


class Objectsyncer:
    """Version 1: one object a request, as django-objectsyncer sends it."""

    def __init__(self, application: Application) -> None:
        self.url = application.api_endpoint_base
        self.headers = {
            "Content-Type": _JSON,
            "Accept": _JSON,
            "Authorization": f"Api-Key {application.api_token_key}",
        }

    def parcels(self, letters: Sequence[Letter]) -> Iterator[Parcel]:
        """A request for each."""
        types = JobChange.CHANGE_TYPES
        for letter in letters:
            job = letter.job
            body = {
                "id": job.id,
                "type": types.DELETE if letter.fields is None else types.CREATE_OR_UPDATE,
                "model": job.label.rpartition(".")[2],
                "uuid": job.key,
                "data": letter.fields or {},
            }
            yield Parcel(letters=(letter,), body=json.dumps(body, cls=DjangoJSONEncoder).encode())

    def request(self, parcel: Parcel) -> Request:
        """The request."""
        return Request(url=self.url, headers=self.headers, body=parcel.body)

    def judge(self, parcel: Parcel, answer: Answer) -> Sequence[Judged]:
        """Only `{"success": true}` is a success."""
        if judged := _judge_status(answer):
            return [judged]
        said = _object(answer.body)
        if said.get("success") is True:
            return [DONE]
        reason = str(said["error"]) if "error" in said else 'INVALID_RESPONSE: no {"success": true}'
        return [Judged(verdict=Verdict.FAILED, reason=reason)]

    def closing(self, labels: Sequence[str], former: Sequence[str]) -> Request | None:
        """It knows no epochs."""
        return None


class Webhooks:
    """Version 2: Standard Webhooks, up to a hundred changes a request."""

    def __init__(self, application: Application, epoch: UUID, clock: Clock) -> None:
        self.url = application.api_endpoint_base
        self.secrets: Sequence[str] = application.signing_secrets
        self.most = application.batch_size
        self.epoch = str(epoch)
        self.clock = clock
        self.encode = msgspec.json.Encoder(enc_hook=str).encode

    def parcels(self, letters: Sequence[Letter]) -> Iterator[Parcel]:
        """As many in a request as it may hold, and as are not too long."""
        some: list[Letter] = []
        texts: list[bytes] = []
        size = 0
        for letter in letters:
            text = self.encode(self._change(letter))
            if some and (len(some) == self.most or size + len(text) > _ENOUGH):
                yield self._parcel(some, texts)
                some, texts, size = [], [], 0
            some.append(letter)
            texts.append(text)
            size += len(text)
        if some:
            yield self._parcel(some, texts)

    def request(self, parcel: Parcel) -> Request:
        """The request, signed now. A repeated one has the same id."""
        told = "|".join(f"{each.job.id}:{each.job.version}" for each in parcel.letters)
        return self._signed(told, parcel.body)

    def judge(self, parcel: Parcel, answer: Answer) -> Sequence[Judged]:
        """The verdict of each item; without a body, all went well."""
        letters = parcel.letters
        if judged := _judge_status(answer):
            return [judged] * len(letters)
        if not answer.body.strip():
            return [DONE] * len(letters)
        results = _object(answer.body).get("results")
        if not isinstance(results, list):  # a page that says whatever it says
            return [Judged(verdict=Verdict.FAILED, reason="INVALID_RESPONSE: no results")] * len(letters)
        told = {
            (each.get("model"), str(each.get("pk")), each.get("version")): each
            for each in results
            if isinstance(each, dict)
        }
        return [_judge_item(told.get((each.job.label, each.job.key, each.job.version))) for each in letters]

    def closing(self, labels: Sequence[str], former: Sequence[str]) -> Request | None:
        """No changes, and the names of the models that are complete."""
        body = self.encode(
            {"epoch": self.epoch, "changes": [], "complete": list(labels), "former": list(former)}
        )
        return self._signed("complete", body)

    def _signed(self, told: str, body: bytes) -> Request:
        number = f"msg_{blake2b(f'{self.epoch}|{told}'.encode(), digest_size=16).hexdigest()}"
        signed = sign(self.secrets, number, self.clock(), body)
        return Request(url=self.url, headers={"Content-Type": _JSON, "Accept": _JSON, **signed}, body=body)

    def _parcel(self, letters: Sequence[Letter], texts: Sequence[bytes]) -> Parcel:
        body = b'{"epoch":"%b","changes":[%b]}' % (self.epoch.encode(), b",".join(texts))
        return Parcel(letters=tuple(letters), body=body)

    def _change(self, letter: Letter) -> dict[str, object]:
        job = letter.job
        return {
            "model": job.label,
            "pk": job.key,
            "version": job.version,
            "op": "delete" if letter.fields is None else "upsert",
            "schema": letter.schema,
            "fields": letter.fields or {},
            "changed_at": job.requested_at.astimezone(UTC),
        }


def wire_of(application: Application, epoch: UUID, clock: Clock) -> Wire:
    """The wire that an application has chosen."""
    if application.protocol == Application.Protocol.WEBHOOKS:
        return Webhooks(application, epoch, clock)
    return Objectsyncer(application)


def _judge_status(answer: Answer) -> Judged | None:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    says = first_line(answer.body[:2_000].decode("utf-8", "replace"))
    return judge_status(answer.status, says, retry_after(headers.get("retry-after")))


def _judge_item(said: Mapping[str, Any] | None) -> Judged:
    match said and said.get("status"):
        case "ok" | "stale" | "ignored":
            return DONE
        case "rejected":
            return Judged(verdict=Verdict.REFUSED, reason=str((said and said.get("error")) or "rejected"))
        case None:
            return Judged(verdict=Verdict.FAILED, reason="the answer does not name it")
        case other:
            return Judged(verdict=Verdict.FAILED, reason=f"the answer says {str(other)[:100]!r} of it")


def _object(body: bytes) -> Mapping[str, Any]:
    """The body's JSON object; an empty one for what is none."""
    try:
        said = msgspec.json.decode(body) if body.strip() else {}
    except (msgspec.DecodeError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
