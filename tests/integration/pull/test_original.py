"""The original: django-synctool 1.1.0, as it was recorded (tests/fixtures/synctool/README.md)."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import socket
from collections.abc import Callable, Iterator
from decimal import Decimal
from email import message_from_bytes
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest
from django.core.serializers import deserialize, serialize
from django.db import connections, transaction

from modelsync.client import Client
from modelsync.core.errors import GuardError, SourceError
from tests.blog.models import Blog, Category, Comment, Member, Person, Post
from tests.integration.pull.serving import serving
from tests.separate import SeparateDatabase

pytestmark = pytest.mark.database
ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests/fixtures/synctool"
MODELS = (Blog, Category, Post, Comment, Person)

Replay = Callable[[str], Client]


@pytest.fixture
def replay(transactional_db: None) -> Iterator[Replay]:
    """Gives a client of a server that answers everything with a recorded response, byte for byte."""
    servers = []

    def start(name: str) -> Client:
        recorded = (FIXTURES / f"{name}.response").read_bytes()

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += self.request.recv(1 << 16)
                self.request.sendall(recorded)

        server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return Client(api_token="token", api_url=f"http://127.0.0.1:{server.server_address[1]}/sync/")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def objects(name: str) -> list[dict[str, Any]]:
    """The objects of a recorded response."""
    found: list[dict[str, Any]] = json.loads(
        (FIXTURES / f"{name}.response").read_bytes().partition(b"\r\n\r\n")[2]
    )
    return found


def held() -> list[dict[str, Any]]:
    """What the tables hold, as the original would write it, with the fields that it knows."""
    known = {found["model"]: set(found["fields"]) for found in objects("app")}
    found = json.loads(
        serialize("json", [row for model in MODELS for row in model._base_manager.order_by("pk")])
    )
    return [
        {
            **each,
            "fields": {name: value for name, value in each["fields"].items() if name in known[each["model"]]},
        }
        for each in found
    ]


def in_order(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Objects in one order, their members too."""
    for each in found:
        if "categories" in each["fields"]:
            each["fields"]["categories"].sort()
    return sorted(found, key=lambda each: (each["model"], each["pk"]))


@pytest.mark.parametrize("clean", [False, True])
@pytest.mark.parametrize("name", ["app", "querysets"])
def test_pull_from_the_original(replay: Replay, name: str, clean: bool) -> None:
    """The tables hold what was recorded, whatever points forward; the second pull writes nothing."""
    recorded = objects(name)
    client = replay(name)
    report = client.sync("all", clean=clean)
    assert (report.created, report.total, report.warnings) == (len(recorded), len(recorded), [])
    assert in_order(held()) == in_order(recorded)
    again = client.sync("all", clean=clean)
    assert (again.unchanged, again.total, again.removed) == (len(recorded), len(recorded), 0)
    post = Post.objects.get(pk=10)
    assert (post.title, post.rating) == ('One \u2028 "quoted"', Decimal("4.50"))
    assert post.body == "Two\nlines\t\\ \N{DECIDUOUS TREE}"
    assert post.published == dt.datetime(2020, 10, 25, 1, 30, 59, 123000, tzinfo=dt.UTC)


def test_what_the_original_lacks_stays(replay: Replay) -> None:
    """Fields that the original does not send keep their values, those that it sends are overwritten."""
    member = Member.objects.create(email="ada@example.org")
    Blog.objects.create(pk=3, slug="old", title="Old", user=member)
    report = replay("querysets").sync("posts")
    assert (report.created, report.updated) == (len(objects("querysets")) - 1, 1)
    blog = Blog.objects.get(pk=3)
    assert (blog.slug, blog.user_id) == ("news", member.pk)


def test_clean_removes_what_the_original_has_not(replay: Replay) -> None:
    """With clean the tables of the response hold nothing else, and other tables are left alone."""
    replay("app").sync("all")
    Post.objects.get(pk=11).categories.add(4)
    Person.objects.create(pk=9, name="Local")
    report = replay("querysets").sync("posts", clean=True)
    assert report.removed == 2
    assert set(Post.objects.values_list("pk", flat=True)) == {10, 11}
    assert set(Post.objects.get(pk=11).categories.values_list("pk", flat=True)) == {2}
    assert Person.objects.count() == 3


def test_the_original_refuses_or_has_nothing(replay: Replay) -> None:
    """A wrong token is told as such; an empty answer empties nothing."""
    Blog.objects.create(slug="local")
    with pytest.raises(SourceError, match="401"):
        replay("unauthorized").sync("all")
    with pytest.raises(GuardError, match="no objects"):
        replay("empty").sync("none", clean=True)
    assert replay("empty").sync("none").total == 0
    assert Blog.objects.count() == 1


def asked(port: int, request: bytes) -> tuple[bytes, Any, bytes]:
    """The status line, the headers and the unpacked body that a request gets over a raw socket."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        while piece := connection.recv(1 << 16):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    status, _, lines = head.partition(b"\r\n")
    headers = message_from_bytes(lines)
    return status, headers, gzip.decompress(body) if headers["Content-Encoding"] == "gzip" else body


@pytest.mark.slow
def test_the_original_pulls(separate_database: SeparateDatabase) -> None:
    """Its recorded request is answered with what Django's serializer writes, and Django reads that."""
    alias = separate_database.alias
    body = (FIXTURES / "querysets.response").read_bytes().partition(b"\r\n\r\n")[2]
    with transaction.atomic(using=alias), connections[alias].constraint_checks_disabled():
        for found in deserialize("json", body, using=alias):
            found.save(using=alias)
    Post.objects.using(alias).filter(pk=10).update(meta={"a": [1, "ü"]})
    request = (FIXTURES / "client.request").read_bytes()
    assert b"\r\nAuthorization: Basic dG9rZW46\r\n" in request
    wanted = [
        row for model in (Blog, Category, Post) for row in model._base_manager.using(alias).order_by("pk")
    ]
    with serving(separate_database) as port:
        status, headers, text = asked(port, request)
        refused, told, _ = asked(port, request.replace(b"dG9rZW46", b"d3Jvbmc6"))
    assert status.endswith(b"200 OK")
    assert headers["Content-Type"] == "application/json"
    assert text.decode() == serialize("json", wanted).rstrip("\n")  # which Django 6.1 writes at the end
    read = list(deserialize("json", text))
    assert [found.object for found in read] == wanted
    assert {found.object.pk: found.m2m_data for found in read if isinstance(found.object, Post)} == {
        10: {"categories": [1, 2]},
        11: {"categories": [2]},
    }
    assert refused.endswith(b"401 Unauthorized")
    assert told["WWW-Authenticate"] == 'Basic realm="Sync API"'
