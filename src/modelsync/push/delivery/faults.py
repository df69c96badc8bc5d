"""What goes wrong on the way to an application, as the error tree has it."""

from __future__ import annotations

import ssl
from typing import Final

import httpcore2

from modelsync.core.errors import Permanent, SourceError, Transient
from modelsync.sources.site.faults import printable

#: What the pool of connections raises.
FAILURES: Final = (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError)
# Parts of what OpenSSL calls the other side's refusal of our certificate, or of our having none.
_WANTS_OURS: Final = ("CERTIFICATE", "UNKNOWN_CA", "HANDSHAKE_FAILURE", "ACCESS_DENIED")
_SPEAKS_OTHERWISE: Final = ("VERSION", "PROTOCOL", "HTTP_REQUEST")
_LENGTH: Final = 200


def fault(error: Exception, name: str, timeout: float) -> SourceError:
    """The error for a failure of FAILURES; `name` is the address, `timeout` in seconds."""
    if isinstance(error, httpcore2.PoolTimeout):
        return Transient(f"all connections to {name} were in use for {timeout:g} s; raise its concurrency")
    if isinstance(error, httpcore2.ConnectTimeout):
        return Transient(f"{name} did not take the call within {timeout:g} s; check that it is up")
    if isinstance(error, httpcore2.TimeoutException):
        return Transient(f"{name} did not answer within {timeout:g} s; is it overloaded?")
    if permanent := _refusal(_ssl_error(error), name):
        return permanent
    why = printable(str(error), _LENGTH)
    if isinstance(error, httpcore2.ConnectError):
        return Transient(f"{name} cannot be reached: {why}; check that it is up")
    if isinstance(error, httpcore2.RemoteProtocolError):
        return Transient(f"{name} did not answer as HTTP wants it: {why}")
    return Transient(f"the connection to {name} broke off: {why}")


def _refusal(error: ssl.SSLError | None, name: str) -> Permanent | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Permanent(
            f"the certificate of {name} is not trusted: {error.verify_message}; if it is signed by an "
            f"authority of your own, set `ca` of the application to that authority's certificate"
        )
    reason = (error.reason or "") if error is not None else ""
    if any(part in reason for part in _WANTS_OURS):
        return Permanent(
            f"{name} refuses our certificate, or wants one ({reason}); set `client_certificate` of the "
            f"application"
        )
    if any(part in reason for part in _SPEAKS_OTHERWISE):
        return Permanent(f"{name} does not speak TLS as we do ({reason}); is it meant to be https?")
    return None


def _ssl_error(error: BaseException | None) -> ssl.SSLError | None:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return error
        error = error.__cause__ or error.__context__
    return None
