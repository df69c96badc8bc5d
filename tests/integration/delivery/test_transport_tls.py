"""Encrypted connections: who is trusted, and who trusts us."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from modelsync.core.errors import Permanent
from modelsync.push.delivery.http import Endpoint, HttpTransport
from modelsync.push.delivery.transport import Request
from modelsync.push.delivery.trust import context
from tests.integration.delivery.authority import Authority
from tests.integration.delivery.peer import Peer

HOST = "app.test"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The one that signs for the other side."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The one that signs for us."""
    return Authority(tmp_path_factory.mktemp("ours"), "ours")


def transport_for(ca: Path | str | bool, certificate: Path | None = None) -> HttpTransport:
    return HttpTransport(
        Endpoint(
            ca=ca if isinstance(ca, bool) else str(ca),
            client_certificate=str(certificate) if certificate else None,
        ),
        timeout=60,
        allow_private=True,
        look_up=lambda host: ["127.0.0.1"],
    )


def post(peer: Peer, ca: Path | str | bool, certificate: Path | None = None, *, host: str = HOST) -> int:
    """The status of the answer."""
    transport = transport_for(ca, certificate)
    try:
        return transport.post(Request(url=peer.url(host), headers={}, body=b"{}")).status
    finally:
        transport.close()


def test_an_authority_of_ones_own_is_trusted_where_it_is_named(authority: Authority) -> None:
    with Peer(tls=authority.serving(HOST)) as peer:
        transport = transport_for(authority.path)
        for _ in range(10):
            transport.post(Request(url=peer.url(HOST), headers={}, body=b"{}"))
        transport.close()
        assert (len(peer.heard), peer.connections) == (10, 1)


def test_it_is_not_trusted_elsewhere(authority: Authority, ours: Authority) -> None:
    """Neither with the system's certificates nor with those of another authority."""
    with Peer(tls=authority.serving(HOST)) as peer:
        for ca in (True, ours.path):
            with pytest.raises(
                Permanent, match=r"the certificate of https://app\.test:\d+/.* is not trusted: "
            ):
                post(peer, ca)
        assert peer.heard == []


def test_the_name_must_be_that_of_the_certificate(authority: Authority) -> None:
    """The number that is connected to is not looked at."""
    with Peer(tls=authority.serving(HOST)) as peer:
        with pytest.raises(Permanent, match="is not trusted: Hostname mismatch"):
            post(peer, authority.path, host="other.test")
        assert peer.heard == []


def test_an_expired_certificate_is_not_trusted(authority: Authority) -> None:
    with Peer(tls=authority.serving(HOST, is_expired=True)) as peer:
        with pytest.raises(Permanent, match="is not trusted: certificate has expired"):
            post(peer, authority.path)
        assert peer.heard == []


def test_anybody_is_trusted_where_that_is_wanted(authority: Authority) -> None:
    """As API_ENDPOINTS_CA = False says."""
    with Peer(tls=authority.serving(HOST, is_expired=True)) as peer:
        assert post(peer, False, host="other.test") == 200


def test_our_certificate_is_shown_to_who_wants_one(authority: Authority, ours: Authority) -> None:
    with Peer(tls=authority.serving(HOST, clients=ours)) as peer:
        assert post(peer, authority.path, ours.signed("headquarters")) == 200
        assert peer.subjects == ["headquarters"]


def test_who_wants_a_certificate_and_gets_none_or_a_wrong_one_is_told(
    authority: Authority, ours: Authority
) -> None:
    with Peer(tls=authority.serving(HOST, clients=ours)) as peer:
        for certificate in (None, authority.signed("stranger")):
            with pytest.raises(
                Permanent, match=r"refuses our certificate, or wants one .*`client_certificate`"
            ):
                post(peer, authority.path, certificate)
        assert peer.heard == []


def test_who_does_not_speak_tls_is_told(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as threads:
        url = f"https://{HOST}:{server.getsockname()[1]}/"
        posted = threads.submit(transport_for(authority.path).post, Request(url=url, headers={}, body=b"{}"))
        connection, _ = server.accept()
        with connection:
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(Permanent, match="does not speak TLS as we do"):
            posted.result()


def test_files_that_cannot_be_read_need_a_person(authority: Authority, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    locked = authority.signed("locked", passphrase="a passphrase")
    with Peer(tls=authority.serving(HOST)) as peer:
        for ca in (tmp_path / "gone.pem", garbage):
            with pytest.raises(Permanent, match=r"\.pem holds no certificates that can be read \("):
                post(peer, ca)
        for certificate in (tmp_path / "gone.pem", garbage, authority.path, locked):
            with pytest.raises(Permanent, match=r"\.pem holds no certificate with a key that can be read \("):
                post(peer, authority.path, certificate)
        assert peer.connections == 0


def test_a_file_that_is_mended_is_read_again(authority: Authority, tmp_path: Path) -> None:
    """Without a new transport."""
    ca = tmp_path / "ca.pem"
    with Peer(tls=authority.serving(HOST)) as peer:
        transport = transport_for(ca)
        request = Request(url=peer.url(HOST), headers={}, body=b"{}")
        with pytest.raises(Permanent, match="holds no certificates"):
            transport.post(request)
        ca.write_bytes(authority.path.read_bytes())
        assert transport.post(request).status == 200
        transport.close()


def test_plain_addresses_need_no_files(tmp_path: Path) -> None:
    with Peer() as peer:
        assert post(peer, tmp_path / "gone.pem") == 200


def test_contexts_are_made_once_for_each_pair_of_files(authority: Authority, ours: Authority) -> None:
    """Reading certificates takes longer than sending a request."""
    ca, certificate = str(authority.path), ours.signed("a")
    first = context(ca, str(certificate))
    assert context(ca, str(certificate)) is first
    assert context(ca, None) is not first
    certificate.write_bytes(ours.signed("b").read_bytes() + b"\n")
    assert context(ca, str(certificate)) is not first
