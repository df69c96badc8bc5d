"""The server can be run by hand."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.dato_server import serving
from tests.dato_server.demo import demo_site
from tests.integration.dato_server.asking import Client

ROOT = Path(__file__).resolve().parents[3]
QUERY = """{
    allBlogPosts(orderBy: id_ASC) {
        title title_de: title(locale: de) title_pt: title(locale: pt_BR)
        author { name } categories { name parent { name } }
        content { __typename ... on ImageBlockRecord { image { url alt } } }
        gallery { url }
    }
    homePage { headline hero { caption image { url } } featured { id } }
    allCategories { name children { name } }
}"""


def test_the_demo_has_something_of_everything() -> None:
    """Three published posts and a draft, pictures that are served, a tree, a home page."""
    with serving(demo_site()) as server:
        client = Client(server)
        said = client.ask(QUERY)
        assert {each["title"] for each in said["allBlogPosts"]} == {
            "Slow trains",
            "A walk in the hills",
            "Bread",
        }
        assert len(client.drafts(QUERY)["allBlogPosts"]) == 4
        picture = client.http.get(said["homePage"]["hero"]["image"]["url"])
        assert picture.content.startswith(b"\x89PNG")
        client.http.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_runs_as_a_module(number: int) -> None:
    """It prints where it is and its token, and ends with Ctrl-C, also in the background."""
    command = [sys.executable, "-m", "tests.dato_server", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().removeprefix("URL: ").strip()
        token = process.stdout.readline().removeprefix("token: ").strip()
        headers = {"Authorization": f"Bearer {token}"}
        said = httpx2.post(
            url, json={"query": "{ _allBlogPostsMeta { count } }"}, headers=headers, verify=False
        )
        process.send_signal(number)
        try:
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()
    assert said.json() == {"data": {"_allBlogPostsMeta": {"count": 3}}}
