"""Two sites with primary keys of their own: a route that serves none, and a pull by natural keys."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from django.core import serializers
from django.db import connections

from modelsync.client import Client
from modelsync.core.errors import ConfigurationError, ConflictError
from modelsync.formats import wire
from modelsync.pulling import PullOptions, pull
from modelsync.sources.site import SiteSource
from modelsync.sources.site.http import Connection
from tests import databases
from tests.blog.site import TOKEN
from tests.integration.pull.serving import serving
from tests.named.models import Account, Folder, Page, Place, Remark, Restaurant, Token, Topic
from tests.separate import SeparateDatabase, separate_database

pytestmark = [pytest.mark.database, pytest.mark.slow]
MODELS = (Remark, Page, Token, Account, Folder, Topic)


@pytest.fixture(params=["same", "other"])
def sites(
    request: pytest.FixtureRequest, tmp_path: Path, django_db_setup: None, django_db_blocker: Any
) -> Iterator[tuple[SeparateDatabase, str, str]]:
    """Our database, the alias of the other site's, which may be of another kind, and its address."""
    ours = databases.chosen()
    kinds = [kind for kind in databases.KINDS if databases.version(kind)]
    theirs = ours if request.param == "same" else kinds[(kinds.index(ours) + 1) % len(kinds)]
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    with (
        django_db_blocker.unblock(),
        separate_database(tmp_path / "there", theirs) as there,
        separate_database(tmp_path / "here", ours) as here,
        serving(there, "tests.named.urls") as port,
    ):
        yield here, there.alias, f"http://127.0.0.1:{port}/sync/"
        for database in (here, there):
            connections[database.alias].close()


def fill(alias: str) -> None:
    """Topics with pages, and what else has natural keys."""
    topics = [Topic.objects.using(alias).create(pk=n + 100, slug=f"größe-{n}") for n in range(5)]
    for topic, parent in pairwise(topics):
        topic.parent = parent
        topic.related.set([topic, parent])
        topic.best = Page.objects.using(alias).create(topic=parent, number=1, text=topic.slug)
        topic.save(using=alias)
    Remark.objects.using(alias).create(page=topics[0].best, code=uuid.UUID(int=7), text="!")
    Token.objects.using(alias).create(name="none")
    Token.objects.using(alias).create(name="some", topic=topics[4])
    Account.objects.using(alias).create(email="ada@example.org").topics.set(topics[:2])
    root = Folder.objects.using(alias).create(name="root")
    Folder.objects.using(alias).create(name="leaf", parent=root)


def held(alias: str) -> set[str]:
    """What the tables hold, without primary keys."""
    found = [each for model in MODELS for each in model._base_manager.using(alias).order_by("pk")]
    rows = json.loads(
        serializers.serialize("json", found, use_natural_foreign_keys=True, use_natural_primary_keys=True)
    )
    for row in rows:
        for value in row["fields"].values():
            if isinstance(value, list):
                value.sort(key=str)
    return {json.dumps(row, sort_keys=True) for row in rows}


class Version1(SiteSource):
    """Asks as django-synctool does."""

    def _opened(self, stack: Any) -> Any:
        answer = stack.enter_context(self.connection.get(self.url, self.token, accept=wire.JSON))  # type: ignore[union-attr]  # it is given
        return self._stream(answer)


def test_sites_with_primary_keys_of_their_own(sites: tuple[SeparateDatabase, str, str]) -> None:
    """What both have is one object, with the key that it has here; the second pull writes nothing."""
    here, there, url = sites
    fill(there)
    mine = Topic.objects.using(here.alias).create(pk=101, slug="größe-3", title="ours")
    Page.objects.using(here.alias).create(topic=mine, number=9)
    other = Topic.objects.using(here.alias).create(pk=100, slug="ours")
    client = Client(api_token=TOKEN, api_url=url)
    report = client.sync("all", using=here.alias)
    assert (report.created, report.updated, report.total) == (14, 1, 15)
    assert Topic.objects.using(here.alias).get(slug="größe-3").pk == mine.pk
    assert Topic.objects.using(here.alias).get(slug="ours").pk == other.pk
    assert held(there) < held(here.alias)
    report = client.sync("all", clean=True, using=here.alias)
    assert (report.unchanged, report.removed) == (15, 2)
    assert held(there) == held(here.alias)
    Topic.objects.using(there).filter(slug="größe-0").update(slug="größe-10")
    dry = here.run(
        "pull", "all", "--url", url, "--token-file", _token(here), "--clean", "--dry-run", "--report", "json"
    )
    assert dry.returncode == 0, dry.stderr
    assert (json.loads(dry.stdout)["created"], json.loads(dry.stdout)["removed"]) == (1, 1)
    done = here.run("pull", "all", "--url", url, "--token-file", _token(here), "--clean")
    assert done.returncode == 0, done.stderr
    assert held(there) == held(here.alias)


def _token(database: SeparateDatabase) -> Path:
    path = database.folder / "token"
    path.write_text(TOKEN)
    return path


def test_version_1(sites: tuple[SeparateDatabase, str, str]) -> None:
    """Any server with Django's serializer may be asked."""
    here, there, url = sites
    fill(there)
    with Connection() as connection:
        source = Version1(f"{url}all/", TOKEN, connection=connection)
        assert pull(source, PullOptions(using=here.alias, clean=True)).created == 15
        assert source.header is None
        assert held(there) == held(here.alias)
        assert pull(source, PullOptions(using=here.alias, clean=True)).unchanged == 15


def test_children_of_models_with_natural_keys(sites: tuple[SeparateDatabase, str, str]) -> None:
    """Multi-table inheritance: what a child is called leads to the part of it that its parent holds."""
    here, there, url = sites
    chef = Account.objects.using(there).create(email="ada@example.org")
    Restaurant.objects.using(there).create(pk=70, name="Joe's", stars=1, chef=None)
    Place.objects.using(there).create(pk=80, name="Park")
    Restaurant.objects.using(here.alias).create(pk=5, name="Joe's", stars=3)
    Place.objects.using(here.alias).create(pk=70, name="Gone")
    client = Client(api_token=TOKEN, api_url=url)
    report = client.sync("places", clean=True, using=here.alias)
    assert (report.updated, report.created, report.removed, report.unchanged) == (1, 1, 1, 1)
    assert Restaurant.objects.using(here.alias).values_list("pk", "name", "stars").get() == (5, "Joe's", 1)
    assert set(Place.objects.using(here.alias).values_list("name", flat=True)) == {"Joe's", "Park"}
    assert client.sync("places", clean=True, using=here.alias).unchanged == 3
    # References by the other site's primary keys are not taken for ours.
    Restaurant.objects.using(there).update(chef=chef)
    Account.objects.using(here.alias).create(pk=chef.pk, email="other@example.org")
    with pytest.raises(ConflictError, match=r"ada@example\.org"):
        client.sync("chefs", using=here.alias)
    Account.objects.using(here.alias).create(pk=chef.pk + 1, email="ada@example.org")
    assert client.sync("chefs", using=here.alias).updated == 1
    assert Restaurant.objects.using(here.alias).get().chef_id == chef.pk + 1


def test_what_means_nothing_here_is_refused(sites: tuple[SeparateDatabase, str, str]) -> None:
    """References by the other site's primary keys."""
    here, there, url = sites
    fill(there)
    with pytest.raises(ConfigurationError, match="natural_foreign=True"):
        Client(api_token=TOKEN, api_url=url).sync("plain", using=here.alias)
    assert not Topic.objects.using(here.alias).exists()
    assert not Place.objects.using(here.alias).exists()
