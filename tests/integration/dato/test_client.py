"""Our client and what can go wrong between it and DatoCMS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from modelsync.core.errors import ConfigurationError, Permanent, Transient
from modelsync.dato.datocms.access import URL, Access, access
from modelsync.dato.datocms.client import DatoClient, TooComplexError
from tests.dato_server import Server, faults

QUERY = "query Q($first: IntType) { allAuthors(first: $first, orderBy: id_ASC) { id name } }"
FAULTS = [
    faults.failing(500),
    faults.failing(503),
    faults.rate_limited(0),
    faults.Reset(),
    faults.Cut(after=5),
    faults.garbage(),
    faults.html_page(),
    faults.Slow(5),
]


def with_access(client: DatoClient, **changed: Any) -> DatoClient:
    """Another client of the same site."""
    return DatoClient(replace(client.access, **changed))


@pytest.fixture
def drafts(client: DatoClient) -> Iterator[DatoClient]:
    """A client that reads what is not published, too."""
    with with_access(client, drafts=True) as made:
        yield made


def test_an_answer(client: DatoClient, cms: Server) -> None:
    """Its data; the environment is named only where one is set."""
    found = client.ask(QUERY, {"first": 1})
    assert [set(each) for each in found["allAuthors"]] == [{"id", "name"}]
    assert "x-environment" not in {name.lower() for name in cms.log[0].headers}
    assert client.requests == len(cms.log) == 1


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_what_is_over_soon_is_survived(client: DatoClient, cms: Server, fault: Any) -> None:
    """One failure, and the answer is there."""
    cms.faults.next(fault)
    assert client.ask(QUERY)["allAuthors"]
    assert client.requests == 2


@pytest.mark.parametrize("fault", FAULTS[:-1], ids=str)
def test_what_goes_on_fails(client: DatoClient, cms: Server, fault: Any) -> None:
    """After three tries."""
    cms.faults.always(fault)
    with pytest.raises(Transient, match="DatoCMS"):
        client.ask(QUERY)
    assert client.requests == 3


def test_a_token_that_is_unknown(client: DatoClient) -> None:
    """The error says where it stands, and not what it is."""
    with (
        with_access(client, token="secret") as other,  # none
        pytest.raises(Permanent, match="DATOCMS_API_TOKEN") as raised,
    ):
        other.ask(QUERY)
    assert "secret" not in str(raised.value)
    assert other.requests == 1


def test_an_environment_that_is_unknown(client: DatoClient) -> None:
    """The error says where it stands."""
    with (
        with_access(client, environment="sandbox") as other,
        pytest.raises(Permanent, match="DATOCMS_ENVIRONMENT"),
    ):
        other.ask(QUERY)


def test_a_query_that_is_wrong(client: DatoClient) -> None:
    """It is told with status 200."""
    with pytest.raises(Permanent, match=r"does not answer a query: .*nonsense"):
        client.ask("{ nonsense }")
    assert client.requests == 1


def test_a_query_that_costs_too_much(client: DatoClient, cms: Server) -> None:
    """Half of it may do: the error is one of its own."""
    cms.faults.next(faults.TooComplex())
    with pytest.raises(TooComplexError):
        client.ask(QUERY)
    assert client.requests == 1


def test_drafts(drafts: DatoClient, cms: Server) -> None:
    """The switch is the word `true`, or is not there."""
    drafts.ask(QUERY)
    assert cms.log[0].headers["X-Include-Drafts"] == "true"


def test_settings(settings: Any) -> None:
    """A token is needed; the address is DatoCMS's own unless another is set, and the environment optional."""
    settings.DATOCMS_API_TOKEN = " abc "
    assert access() == Access(token="abc", url=URL, environment="")  # none
    settings.DATOCMS_API_URL, settings.DATOCMS_ENVIRONMENT = "https://cms.test/", None
    assert (access().url, access().environment) == ("https://cms.test/", "")
    settings.DATOCMS_API_TOKEN = ""
    with pytest.raises(ConfigurationError, match="DATOCMS_API_TOKEN is not set"):
        access()
