"""How the work of the database grows with the stream: in proportion, whatever is pulled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.blog.models import Category, Comment, Post, Review
from tests.integration.mirror.test_mirror import Row, blog, post, sync
from tests.work import assert_proportional, needs_count

pytestmark = [pytest.mark.django_db, pytest.mark.database]

Objects = list[tuple[str, Row]]


def graph(count: int, *, title: str = "", shift: int = 0) -> Objects:
    """Categories, posts in two of them each, reviews, and comments in chains."""
    objects: Objects = [("blog.category", {"pk": n, "slug": f"c{n}"}) for n in range(1, 11)]
    objects.append(blog(1, "one"))
    for n in range(1, count + 1):
        tags = [1 + (n + shift) % 10, 1 + (n + shift + 3) % 10]
        objects.append(post(n, 1, f"p{n}", title=title, categories=tags))
    objects += [("blog.review", {"pk": n, "score": 1}) for n in range(1, count // 2)]
    objects += [
        ("blog.comment", {"pk": n, "post": n, "text": title, "reply_to": n - 1 if n % 5 != 1 else None})
        for n in range(1, count + 1)
    ]
    return objects


def first(count: int) -> Callable[[], Any]:
    return lambda: sync(*graph(count), clean=True, allow_empty=True)


def unchanged(count: int) -> Callable[[], Any]:
    first(count)()
    return first(count)


def changed(count: int) -> Callable[[], Any]:
    first(count)()
    return lambda: sync(*graph(count, title="new"), clean=True)


def related_anew(count: int) -> Callable[[], Any]:
    first(count)()
    return lambda: sync(*graph(count, shift=1), clean=True)


def removed(count: int) -> Callable[[], Any]:
    """Posts go with their comments, reviews and relations, of which the stream has none."""
    first(count)()
    some = [found for found in graph(count) if found[0] in ("blog.category", "blog.blog")]
    return lambda: sync(*some, post(count, 1, f"p{count}", categories=[]), clean=True)


@pytest.mark.parametrize("case", [first, unchanged, changed, related_anew, removed])
@needs_count
def test_work_is_in_proportion(case: Callable[[int], Callable[[], Any]]) -> None:
    """Four times the objects are not much more than four times the work."""

    def prepare(count: int) -> Callable[[], Any]:
        for model in (Comment, Review, Post, Category):
            model._base_manager.all().delete()
        run = case(count)
        return lambda: run().ok or pytest.fail("it was refused")

    assert_proportional(prepare, small=500)
