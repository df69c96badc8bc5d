"""The address that changes are pushed to, for both versions of the wire."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from django.apps import apps
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from modelsync.core.errors import ConfigurationError, GuardError
from modelsync.push.receiving import version1, version2
from modelsync.push.receiving.accepting import acceptance_of
from modelsync.push.receiving.authenticating import (
    NotAllowed,
    check_key,
    check_signature,
    check_time,
    is_signed,
)
from modelsync.push.receiving.closing import close
from modelsync.push.receiving.hooks import REGISTERED
from modelsync.push.receiving.malformed import Malformed, TooMany, decode
from modelsync.push.receiving.taking import take
from modelsync.push.settings import ReceiverSettings, push_settings

log = logging.getLogger(__name__)
#: Seconds after which a sender may try again, when this site could not take anything.
_SOON: Final = 5
_LATER: Final = 300


@method_decorator([csrf_exempt, transaction.non_atomic_requests], name="dispatch")
class ReceiveView(View):
    """Takes what is POSTed: version 2 if the request is signed, version 1 if not.

    What it answers is told in docs/reference/push-protocol.md. `clock` gives seconds since 1970.
    """

    http_method_names = ("post",)
    clock: Callable[[], float] = staticmethod(time.time)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Take one request."""
        try:
            settings = push_settings().receiver
            if settings is None or not apps.is_installed("modelsync.push"):
                raise ConfigurationError(
                    'to receive, set MODELSYNC["push"]["receiver"] and have modelsync.push in INSTALLED_APPS'
                )
            return self._take(request, settings)
        except NotAllowed as error:
            answer = _refusal(401, str(error))
            answer["WWW-Authenticate"] = "Api-Key"
            return answer
        except TooMany as error:
            return _refusal(413, str(error))
        except Malformed as error:
            return _refusal(400, str(error))
        except GuardError as error:
            return _refusal(409, str(error))
        except ConfigurationError as error:
            log.error("this site cannot receive", extra={"reason": str(error)})
            return _unable("this site is not set up to receive", _LATER)
        except DatabaseError as error:
            log.error("the database failed", extra={"error": type(error).__name__})
            return _unable("the database failed", _SOON)

    def _take(self, request: HttpRequest, settings: ReceiverSettings) -> HttpResponse:
        if is_signed(request.headers):
            check_time(request.headers, self.clock())
            body = _read(request, settings.max_body)
            signers = check_signature(request.headers, body, settings.secrets)
            said, acceptance = version2.read(body), acceptance_of(settings)
            found = take(version2.arrivals(said), acceptance, REGISTERED, signers)
            close(said.epoch, said.complete, acceptance, signers)
            return JsonResponse(version2.answer(said, found))
        check_key(request.headers.get("authorization", ""), settings.keys)
        arrival = version1.read(decode(_read(request, settings.max_body)))
        (result,) = take([arrival], acceptance_of(settings), REGISTERED)
        status, answer = version1.answer(result)
        return JsonResponse(answer, status=status)


def _read(request: HttpRequest, most: int) -> bytes:
    """The body, if it is not too long: what is longer is not read to its end."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > most:
        raise TooMany(f"the body may have {most} bytes")
    body = request.read(most + 1)
    if len(body) > most:
        raise TooMany(f"the body may have {most} bytes")
    return body


def _refusal(status: int, reason: str) -> JsonResponse:
    body: dict[str, Any] = {"success": False, "error": reason}
    return JsonResponse(body, status=status)


def _unable(reason: str, seconds: int) -> JsonResponse:
    answer = _refusal(503, reason)
    answer["Retry-After"] = str(seconds)
    return answer
