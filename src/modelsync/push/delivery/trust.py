"""Whose certificates are trusted, and which one is ours."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from typing import TypeAlias

import httpx2

from modelsync.core.errors import Permanent

_Stamp: TypeAlias = "tuple[int, int] | None"


def context(ca: str | bool, certificate: str | None) -> ssl.SSLContext:
    """How connections are encrypted; the same object as long as the files stay the same.

    Args:
        ca: a file of certificates as PEM, or a folder of them as OpenSSL has it; True for those of the
            system, False for no check at all.
        certificate: a file with our certificate and its key, as PEM, the key without a passphrase.

    Raises Permanent for a file that cannot be read.
    """
    return _made(ca, certificate, _stamp(ca), _stamp(certificate))


@lru_cache(maxsize=64)
def _made(ca: str | bool, certificate: str | None, *_: _Stamp) -> ssl.SSLContext:
    made = _trusting(ca)
    if certificate:
        try:
            made.load_cert_chain(certificate, password=_no_passphrase)
        except (OSError, ValueError) as error:
            raise Permanent(
                f"{certificate} holds no certificate with a key that can be read ({_why(error)}); it must be "
                f"a file of PEM with both, the key without a passphrase"
            ) from error
    return made


def _trusting(ca: str | bool) -> ssl.SSLContext:
    if isinstance(ca, bool):
        return httpx2.create_ssl_context(verify=ca)
    try:
        is_folder = os.path.isdir(ca)
        return ssl.create_default_context(cafile=None if is_folder else ca, capath=ca if is_folder else None)
    except OSError as error:
        raise Permanent(
            f"{ca} holds no certificates that can be read ({_why(error)}); it must be a file of PEM"
        ) from error


def _no_passphrase() -> str:
    """Without it OpenSSL asks at the terminal."""
    return ""


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _stamp(path: str | bool | None) -> _Stamp:
    if not isinstance(path, str) or not path:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
