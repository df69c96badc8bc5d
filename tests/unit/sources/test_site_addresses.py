"""Where a token may travel to."""

from __future__ import annotations

import httpx2
import pytest

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.sources.site import SiteSource
from modelsync.sources.site.addresses import checked, insecurity, is_loopback, redirected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org/api",
        "ftp://example.org/",
        "https://",
        "http:///path",
        "/api/",
        "https://[::1/",
        "file:///x",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """When the source is made, before anything is asked."""
    with pytest.raises(ConfigurationError, match="is no address of a site"):
        SiteSource(url, "token")


@pytest.mark.parametrize(
    "url", ["https://user:secret@example.org/", "https://secret@example.org/", "https://a:secret@h:99999999/"]
)
def test_a_password_in_the_address_is_refused_and_not_told(url: str) -> None:
    """A token in an address ends in logs; it is given by itself."""
    with pytest.raises(ConfigurationError) as told:
        checked(url)
    assert "secret" not in str(told.value)


def test_a_name_is_an_address_without_secrets() -> None:
    """The query may hold a signature."""
    source = SiteSource("https://example.org:8443/api/blog/?key=secret#part", "token")
    assert source.name == "https://example.org:8443/api/blog/"
    assert source.url == "https://example.org:8443/api/blog/?key=secret"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("api.localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("example.org", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("10.0.0.1", False),
        ("192.168.0.1", False),
        ("0.0.0.0", False),
        ("fe80::1%eth0", False),
    ],
)
def test_loopback_is_known_by_its_name(host: str, expected: bool) -> None:
    """Nothing is looked up: a name server may say what it likes."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/",
        "http://localhost:8000/",
        "http://127.0.0.1/",
        "http://[::1]:8000/",
        "HTTPS://h/",
    ],
)
def test_no_note_where_nobody_listens(url: str) -> None:
    """Encrypted, or not leaving this machine."""
    assert SiteSource(url, "token", require_https=True).notes == []


def test_plain_http_is_noted_or_refused() -> None:
    """Beyond loopback everybody on the way reads the token."""
    assert SiteSource("http://example.org/api/?x=1", "t").notes == [
        "http://example.org/api/ is plain http: the token travels unencrypted; use https"
    ]
    assert "content travels unencrypted" in (insecurity("http://10.0.0.1/", has_token=False) or "")
    with pytest.raises(ConfigurationError, match=r"the token travels unencrypted.*require_https"):
        SiteSource("http://example.org/", "t", require_https=True)


@pytest.mark.parametrize(
    ("url", "location", "expected"),
    [
        ("http://h/a", "/a/", "http://h/a/"),
        ("http://h/a/b?x=1", "c", "http://h/a/c"),
        ("http://h:8000/a", "http://h:8000/b", "http://h:8000/b"),
        ("http://h/a", "http://H:80/b", "http://h/b"),
        ("http://h/a", "https://h/a", "https://h/a"),
        ("http://h:8000/a", "https://h/a", "https://h/a"),
        ("http://h:8000/a", "https://h:8000/a", "https://h:8000/a"),
        ("https://h/a", "//h/b", "https://h/b"),
        ("https://h/a", "https://other:password@h/b", "https://h/b"),
    ],
)
def test_redirects_within_a_site_are_followed(url: str, location: str, expected: str) -> None:
    """The same scheme, host and port, or encrypted from now on."""
    assert str(redirected(httpx2.URL(url), location)) == expected


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("https://h/a", "https://evil/a"),
        ("https://h/a", "//evil/a"),
        ("https://h/a", "https://h.evil/a"),
        ("https://h/a", "https://h@evil/a"),
        ("https://h/a", "https://h:8443/a"),
        ("http://h/a", "http://h:8000/a"),
        ("http://h:8000/a", "https://h:9000/a"),
        ("http://h/a", "ftp://h/a"),
        ("http://h/a", "https://sub.h/a"),
    ],
)
def test_redirects_to_another_host_are_refused(url: str, location: str) -> None:
    """Both hosts are named, and what to do."""
    with pytest.raises(Permanent, match="another host; the token is not taken there"):
        redirected(httpx2.URL(url), location)


@pytest.mark.parametrize("location", ["http://h/a", "http://evil/", "ftp://h/"])
def test_redirects_give_no_encryption_up(location: str) -> None:
    """What is encrypted stays so."""
    with pytest.raises(Permanent, match="not encrypted; that is not followed"):
        redirected(httpx2.URL("https://h/a"), location)


@pytest.mark.parametrize("location", ["https://[::1", "http://h:99999999/"])
def test_redirects_lead_to_addresses(location: str) -> None:
    """What cannot be read is not followed."""
    with pytest.raises(Permanent):
        redirected(httpx2.URL("https://h/a"), location)
