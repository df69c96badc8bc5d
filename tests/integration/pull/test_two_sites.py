"""Two sites, two processes, real HTTP: also where their databases are of different kinds."""

from __future__ import annotations

import datetime as dt
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.db import connections
from django.db.models.expressions import Value

from modelsync.client import Client
from modelsync.core.errors import ConfigurationError, ConflictError, GuardError, Permanent, SourceError
from tests import databases
from tests.blog.models import Blog, Category, Comment, Person, Post, Review, Ring
from tests.blog.site import TOKEN
from tests.integration.pull.serving import serving
from tests.proxy import Cut, FaultProxy
from tests.separate import SeparateDatabase, separate_database
from tests.shop.models import Everything

pytestmark = [pytest.mark.database, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[3]
MODELS = (Comment, Review, Post, Blog, Category, Person, Ring, Everything)


@dataclass(frozen=True, kw_only=True)
class Sites:
    """The aliases of both databases, and the port of the other site."""

    here: str
    there: str
    port: int
    database: SeparateDatabase
    media: Path

    def client(self, port: int | None = None) -> Client:
        """A client of the other site."""
        return Client(api_token=TOKEN, api_url=f"http://127.0.0.1:{port or self.port}/sync/")


@pytest.fixture(scope="module", params=["same", "other"])
def both(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_setup: None,
    django_db_blocker: Any,
) -> Iterator[Sites]:
    """Two databases, of the same kind and of different kinds."""
    ours = databases.chosen()
    kinds = [kind for kind in databases.KINDS if databases.version(kind)]
    theirs = ours if request.param == "same" else kinds[(kinds.index(ours) + 1) % len(kinds)]
    folder = tmp_path_factory.mktemp
    with (
        django_db_blocker.unblock(),
        separate_database(folder("there"), theirs) as there,
        separate_database(folder("here"), ours) as here,
        serving(there) as port,
    ):
        media = there.folder / "media"
        yield Sites(here=here.alias, there=there.alias, port=port, database=here, media=media)
        for database in (here, there):
            connections[database.alias].close()


@pytest.fixture
def sites(both: Sites, django_db_blocker: Any) -> Iterator[Sites]:
    """Both databases, empty."""
    with django_db_blocker.unblock():
        for alias in (both.here, both.there):
            with connections[alias].constraint_checks_disabled():
                Post._base_manager.using(alias).update(best=None)
                for model in MODELS:
                    model._base_manager.using(alias).all().delete()
        yield both


def fill(alias: str) -> None:
    """A blog with all that belongs to it."""
    blog = Blog.objects.using(alias).create(pk=1, slug="news", title="News, größer")
    categories = [Category.objects.using(alias).create(slug=f"c{n}") for n in range(3)]
    posts = [
        Post.objects.using(alias).create(
            blog=blog,
            slug=f"post-{n}",
            rating=Decimal("4.50"),
            published=dt.datetime(2026, 10, 25, 1, 30, n % 60, 123456, tzinfo=dt.UTC),
            meta={"n": n, "text": "ü"},
        )
        for n in range(25)
    ]
    posts[0].categories.set(categories[:2])
    comment = Comment.objects.using(alias).create(post=posts[0], text="First!")
    posts[0].best = comment
    posts[0].save(using=alias)


def slugs(alias: str) -> set[str]:
    """The posts there are."""
    return set(Post.objects.using(alias).values_list("slug", flat=True))


def test_pull_an_app_and_again_nothing(sites: Sites) -> None:
    """Everything comes, in any order; the second pull writes nothing."""
    fill(sites.there)
    report = sites.client().sync("all", clean=True, using=sites.here)
    assert report.created == report.total == 30
    post = Post.objects.using(sites.here).get(slug="post-0")
    assert post.best is not None
    assert (post.rating, post.meta, post.best.text) == (Decimal("4.50"), {"n": 0, "text": "ü"}, "First!")
    assert set(post.categories.values_list("slug", flat=True)) == {"c0", "c1"}
    again = sites.client().sync("all", clean=True, using=sites.here)
    assert (again.unchanged, again.removed) == (30, 0)
    Post.objects.using(sites.there).filter(slug="post-24").delete()
    third = sites.client().sync("all", clean=True, using=sites.here)
    assert (third.unchanged, third.removed) == (29, 1)
    assert slugs(sites.here) == slugs(sites.there)


def test_values_survive_exactly(sites: Sites) -> None:
    """Decimals, microseconds, JSON, binary: what is read here is what is read there."""
    rows: list[dict[str, Any]] = [
        {"code": "none"},
        {
            "code": "some",
            "f_char": " 'q\" \\ \t ",
            "f_text": "",
            "f_int": -(2**31),
            "f_bigint": 2**63 - 1,
            "f_float": 0.1 + 0.2,
            "f_decimal": Decimal("12345.6700"),
            "f_bool": False,
            "f_date": dt.date(1, 1, 1),
            "f_datetime": dt.datetime(2026, 3, 29, 1, 59, 59, 999999, tzinfo=dt.UTC),
            "f_time": dt.time(23, 59, 59, 1),
            "f_duration": dt.timedelta(days=-3, microseconds=1),
            "f_uuid": uuid.UUID(int=5),
            "f_json": {"b": [1, 1.5, None, True, "ü\u2028"], "a": {}},
            "f_binary": bytes(range(256)),
            "f_ip": "2001:db8::1",
        },
        {"code": "json null", "f_json": Value(None, Everything._meta.get_field("f_json"))},
        {"code": "json false", "f_json": False},
    ]
    for row in rows:
        Everything.objects.using(sites.there).create(**row)
    report = sites.client().sync("everything", using=sites.here)
    assert report.created == len(rows)
    for row in rows:
        for alias in (sites.here, sites.there):
            found = Everything.objects.using(alias).filter(code=row["code"])
            for name, value in row.items():
                held = getattr(found.get(), name)
                wanted = None if isinstance(value, Value) else value
                assert (bytes(held) if name == "f_binary" else held) == wanted, (alias, row["code"], name)
    kinds = {
        code: Everything.objects.using(sites.here).filter(code=code, f_json__isnull=False).exists()
        for code in ("none", "json null")
    }
    assert kinds == {"none": False, "json null": True}
    assert sites.client().sync("everything", using=sites.here).unchanged == len(rows)


def test_a_path_with_a_value(sites: Sites) -> None:
    """Filtered by what the path says."""
    fill(sites.there)
    Blog.objects.using(sites.there).create(pk=2, slug="other")
    assert sites.client().sync("posts/other", using=sites.here).total == 1


def test_an_empty_answer(sites: Sites) -> None:
    """Empties nothing, unless it is meant."""
    Blog.objects.using(sites.here).create(slug="ours")
    with pytest.raises(GuardError, match="allow_empty"):
        sites.client().sync("none", clean=True, using=sites.here)
    assert Blog.objects.using(sites.here).exists()
    sites.client().sync("none", clean=True, allow_empty=True, using=sites.here)
    assert not Blog.objects.using(sites.here).exists()


def test_errors_are_one_and_clear(sites: Sites) -> None:
    """A wrong token, a wrong path, no server, a contradiction."""
    with pytest.raises(Permanent, match="token"):
        Client(api_token="wrong", api_url=f"http://127.0.0.1:{sites.port}/sync/").sync(
            "blogs", using=sites.here
        )
    with pytest.raises(Permanent, match="404"):
        sites.client().sync("nowhere", using=sites.here)
    Blog.objects.using(sites.there).create(pk=1, slug="same")
    Blog.objects.using(sites.here).create(pk=2, slug="same")
    with pytest.raises(ConflictError, match=r"blog\.Blog 1 has the slug of blog\.Blog 2 here"):
        sites.client().sync("blogs", using=sites.here)


@pytest.mark.parametrize("after", [0, 1, 50, 300, 600])
def test_a_stream_that_is_cut_changes_nothing(sites: Sites, after: int) -> None:
    """Wherever it is cut."""
    fill(sites.there)
    Blog.objects.using(sites.here).create(pk=9, slug="ours")
    with FaultProxy(sites.port) as proxy:
        proxy.fault = Cut(after=after)
        with pytest.raises(SourceError):
            sites.client(int(proxy.url.rsplit(":", 1)[1].strip("/"))).sync(
                "all", clean=True, using=sites.here
            )
    assert set(Blog.objects.using(sites.here).values_list("slug", flat=True)) == {"ours"}
    assert slugs(sites.here) == set()


def test_the_command(sites: Sites, tmp_path: Path) -> None:
    """`manage.py pull`: a preview, the pull, and what it says of a wrong token."""
    fill(sites.there)
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n")
    url = f"http://127.0.0.1:{sites.port}/sync/"
    options = ["--url", url, "--token-file", str(token), "--clean"]
    dry = sites.database.run("pull", "all", *options, "--dry-run", "--report", "json")
    assert dry.returncode == 0, dry.stderr
    assert json.loads(dry.stdout)["created"] == 30
    assert slugs(sites.here) == set()
    done = sites.database.run("pull", "all", *options)
    assert (done.returncode, len(slugs(sites.here))) == (0, 25), done.stderr
    token.write_text("wrong")
    refused = sites.database.run("pull", "all", *options)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr


def test_what_the_command_tells(sites: Sites, tmp_path: Path) -> None:
    """Objects that came and objects that go; each reason once."""
    fill(sites.there)
    (tmp_path / "token").write_text(TOKEN)
    Blog.objects.using(sites.here).create(pk=9, slug="ours")

    def pull(path: str, *options: str) -> Any:
        url = ["--url", f"http://127.0.0.1:{sites.port}/sync/", "--token-file", str(tmp_path / "token")]
        return sites.database.run("pull", path, *url, *options)

    def counts(out: str) -> dict[str, str]:
        return dict(line.split() for line in out.splitlines() if len(line.split()) == 2)

    empty = pull("none", "--clean")
    assert empty.returncode == 1
    assert (empty.stderr + empty.stdout).count("sent no objects at all") == 1
    assert empty.stdout.startswith("Stopped (")
    done = pull("all", "--clean", "--diff", str(tmp_path / "diff.csv"))
    assert counts(done.stdout) == {
        "created": "30",
        "updated": "0",
        "deleted": "1",
        "unchanged": "0",
        "skipped": "0",
        "rejected": "0",
        "received": "30",
    }
    assert " objects/s)." in done.stdout
    told = (tmp_path / "diff.csv").read_text()
    assert ',rating,,4.50,"http://' in told
    assert '/sync/all/, line 2"\n' in told
    refused = pull("all", "--model", "BLOG.blog")
    assert "the other site sends blog.Category, which is not among the models that may come: blog.Blog" in (
        refused.stderr
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--diff", "nowhere/x.csv"], "--diff: there is no folder nowhere"),
        (["--verify"], "--verify is about files; say --images, too"),
        (["--images"], "(--media-url)"),
        (["--token-file", os.devnull], f"the token file {os.devnull} is empty"),
        (["--token-file", "nowhere"], "the token file cannot be read"),
        (["--timeout", "0"], "a number of seconds above 0"),
    ],
)
def test_wrong_use_of_the_command(sites: Sites, options: list[str], told: str) -> None:
    """Is told before anything is asked, and has a status of its own."""
    refused = sites.database.run("pull", "all", "--url", "http://127.0.0.1:1/", *options)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith("CommandError: ")
    assert told in refused.stderr


@pytest.fixture
def media_url(sites: Sites) -> Iterator[str]:
    """The media of the other site, as any web server serves them."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            """Say nothing."""

    sites.media.mkdir(exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=sites.media)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_images_come_with_their_objects(sites: Sites, media_url: str, tmp_path: Path, settings: Any) -> None:
    """Those that are named, whole; one that is not there is a warning, one that changed is verified."""
    settings.MEDIA_ROOT = str(tmp_path)
    for name, text in (("photos/ada.gif", GIF), ("cvs/ada.txt", b"Countess"), ("cvs/unnamed.txt", b"?")):
        (sites.media / name).parent.mkdir(exist_ok=True)
        (sites.media / name).write_bytes(text)
    people = Person.objects.using(sites.there)
    people.create(pk=1, name="Ada", photo="photos/ada.gif", cv="cvs/ada.txt")
    people.create(pk=2, name="Bob", photo="photos/bob.gif")
    client = Client(api_token=TOKEN, api_url=f"http://127.0.0.1:{sites.port}/sync/", media_url=media_url)
    report = client.sync("all", images=True, using=sites.here)
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["ada.gif", "ada.txt"]
    assert (tmp_path / "cvs/ada.txt").read_bytes() == b"Countess"
    (warning,) = report.warnings
    assert str(warning).startswith("blog.person 2 photo: photos/bob.gif: http")
    (tmp_path / "cvs/ada.txt").write_bytes(b"Princess")
    client.sync("all", images=True, using=sites.here)
    assert (tmp_path / "cvs/ada.txt").read_bytes() == b"Princess"
    client.sync("all", images=True, verify=True, using=sites.here)
    assert (tmp_path / "cvs/ada.txt").read_bytes() == b"Countess"
    with pytest.raises(ConflictError, match="1 missing"):
        client.sync("all", images=True, strict_files=True, using=sites.here)
    (tmp_path / "photos/ada.gif").unlink()
    assert client.images(Person.objects.using(sites.here), "photo").downloaded == 1
    with pytest.raises(ConfigurationError, match="media_url"):
        sites.client().sync("all", images=True, using=sites.here)


#: The smallest picture that there is.
GIF = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,"
    b"\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;"
)
