"""Natural keys, and models that inherit from models with tables of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core import serializers

from modelsync.routing import Route
from tests.blog.models import Author, Blog, Book, Category, Comment, Note, Post, Review
from tests.integration.serving.asking import array, ask, body, lines, objects
from tests.shop.models import FormerSupplier, Supplier

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def view_of(given: Any, **options: Any) -> Any:
    """A view that serves this."""
    return Route(api_token="token").queryset("x", **options)(lambda: given)


@pytest.mark.parametrize("evaluated", [False, True])
def test_content_types_and_permissions_are_named_by_natural_keys(evaluated: bool) -> None:
    """Their primary keys differ from site to site."""
    kind = ContentType.objects.get_for_model(Blog)
    Note.objects.create(content_type=kind, object_id=5, text="x")
    permission = Permission.objects.get(content_type=kind, codename="add_blog")
    group = Group.objects.create(name="editors")
    group.permissions.add(permission)
    querysets = [Note.objects.all(), Group.objects.all()]
    note, served = objects(view_of([list(rows) for rows in querysets] if evaluated else querysets))
    assert note["content_type"] == ["blog", "blog"]
    assert served["permissions"] == [["add_blog", "blog", "blog"]]


@pytest.mark.parametrize("evaluated", [False, True])
def test_natural_foreign_names_by_natural_keys(evaluated: bool) -> None:
    """Whatever has them."""
    author = Author.objects.create(name="Ada")
    Book.objects.create(title="One", author=author)
    books = list(Book.objects.all()) if evaluated else Book.objects.all()
    (book,) = objects(view_of(books, natural_foreign=True))
    assert book["author"] == ["Ada"]
    assert book["pk"] is not None
    (book,) = array(view_of(books, natural_foreign=True))
    assert book["fields"]["author"] == ["Ada"]
    (book,) = objects(view_of(books))
    assert book["author"] == author.pk


def test_natural_primary_leaves_the_primary_key_out() -> None:
    """As Django's serializers do."""
    Book.objects.create(title="One", author=Author.objects.create(name="Ada"))
    view = view_of([Author.objects.all(), Book.objects.all()], natural_primary=True, natural_foreign=True)
    assert [found["pk"] for found in objects(view)] == [None, None]
    expected = serializers.serialize(
        "json",
        [*Author.objects.all(), *Book.objects.all()],
        use_natural_foreign_keys=True,
        use_natural_primary_keys=True,
    )
    assert body(ask(view)).decode() == expected.rstrip()


def test_a_reference_that_leads_nowhere_has_no_natural_key() -> None:
    """The stream ends with an error that says of which model."""
    note = Note(pk=1, content_type_id=987654, object_id=5, text="x")
    error = lines(view_of([note]))[-1]
    assert "contenttypes.ContentType leads nowhere" in error["error"]


def make_reviews() -> list[Review]:
    """Two children, and a parent that is none."""
    blog = Blog.objects.create(slug="x")
    category = Category.objects.create(slug="c")
    Post.objects.create(blog=blog, slug="plain")
    reviews = [Review.objects.create(blog=blog, slug=f"r{n}", title=f"T{n}", score=n) for n in (1, 2)]
    reviews[1].categories.add(category)
    return reviews


@pytest.mark.parametrize("evaluated", [False, True])
@pytest.mark.parametrize("read", [array, objects])
def test_the_parents_of_a_child_come_first(read: Any, evaluated: bool) -> None:
    """Each with its own fields only."""
    one, two = make_reviews()
    reviews = Review.objects.order_by("slug")
    served = read(view_of(list(reviews) if evaluated else reviews))
    models = [found["model"] for found in served]
    assert models == ["blog.post", "blog.post", "blog.review", "blog.review"]
    assert [found["pk"] for found in served] == [one.pk, two.pk, one.pk, two.pk]
    fields = [found.get("fields", found) for found in served]
    assert [found.get("title") for found in fields] == ["T1", "T2", None, None]
    assert [found.get("score") for found in fields] == [None, None, 1, 2]
    assert [len(found["categories"]) for found in fields[:2]] == [0, 1]
    assert "categories" not in fields[2]


def test_parents_that_are_there_for_their_children_are_implied() -> None:
    """Unless they are served themselves."""
    make_reviews()
    header = lines(view_of(Review.objects.all()))[0]
    assert [(model["model"], model.get("implied", False)) for model in header["models"]] == [
        ("blog.post", True),
        ("blog.review", False),
    ]
    header = lines(view_of([Review.objects.all(), Post.objects.all()]))[0]
    assert not any(model.get("implied") for model in header["models"])


def test_parents_that_were_served_whole_are_not_sent_again() -> None:
    """But those of a filtered queryset are."""
    make_reviews()
    assert len(objects(view_of([Post.objects.all(), Review.objects.all()]))) == 5
    assert len(objects(view_of([Post.objects.filter(title=""), Review.objects.all()]))) == 5
    assert len(objects(view_of([Post.objects.filter(slug="r1"), Review.objects.filter(slug="r1")]))) == 3
    assert len(objects(view_of(Review.objects.order_by("-score")[:1]))) == 2
    app = Route(api_token="token").app("x", "blog")
    assert [found["model"] for found in objects(app)].count("blog.post") == 3


@pytest.mark.parametrize("read", [array, objects])
def test_version_1_serves_the_changed_parents_of_changed_children(read: Any) -> None:
    """What is in memory counts."""
    one, _ = make_reviews()
    one.title = "Changed"
    served = [found.get("fields", found) for found in read(view_of([one]))]
    assert served[0]["title"] == "Changed"


def test_a_proxy_is_what_it_stands_for() -> None:
    """It has no rows of its own."""
    Supplier.objects.create(code="a", name="A")
    (served,) = objects(view_of(FormerSupplier.objects.all()))
    assert served["model"] == "shop.supplier"
    app = Route(api_token="token").app("x", "shop.FormerSupplier", "shop.Supplier")
    assert len(array(app)) == 1


def test_circles_are_no_matter() -> None:
    """The order is the client's business."""
    post = Post.objects.create(blog=Blog.objects.create(slug="x"), slug="p")
    comment = Comment.objects.create(post=post, text="x")
    Post.objects.update(best=comment)
    served = {found["model"]: found for found in objects(Route(api_token="token").app("x", "blog"))}
    assert served["blog.post"]["best"] == comment.pk
    assert served["blog.comment"]["post"] == post.pk
    assert json.dumps(served)
