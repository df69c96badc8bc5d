"""The models that one site pulls from another: those of django-synctool, and graphs of every kind."""

from __future__ import annotations

import uuid

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models


class Member(AbstractBaseUser):
    """Has a password."""

    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"


class Blog(models.Model):
    slug = models.SlugField(unique=True)
    title = models.CharField(max_length=100, default="")
    user = models.ForeignKey(Member, null=True, blank=True, on_delete=models.SET_NULL)

    def __str__(self) -> str:
        return self.slug


class Category(models.Model):
    slug = models.SlugField(max_length=150, unique=True)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )

    def __str__(self) -> str:
        return self.slug


class Post(models.Model):
    blog = models.ForeignKey(Blog, on_delete=models.CASCADE, related_name="posts")
    slug = models.SlugField()
    title = models.CharField(max_length=200, default="")
    body = models.TextField(blank=True, default="")
    rating = models.DecimalField(max_digits=6, decimal_places=2, null=True, blank=True)
    published = models.DateTimeField(null=True, blank=True)
    meta = models.JSONField(null=True, blank=True)
    categories = models.ManyToManyField(Category, blank=True, related_name="posts")
    # A circle of two: the post's best comment is a comment on the post.
    best = models.ForeignKey("Comment", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        unique_together = [("blog", "slug")]

    def __str__(self) -> str:
        return self.slug


class Comment(models.Model):
    post = models.ForeignKey(Post, on_delete=models.CASCADE, related_name="comments")
    text = models.TextField()
    reply_to = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="replies"
    )

    def __str__(self) -> str:
        return self.text


class Review(Post):
    """Multi-table inheritance."""

    score = models.PositiveSmallIntegerField(default=0)


class Ring(models.Model):
    """A circle that cannot be opened: nobody may be without a next one."""

    name = models.CharField(max_length=20, unique=True)
    next = models.ForeignKey("self", on_delete=models.CASCADE, related_name="previous")

    def __str__(self) -> str:
        return self.name


class Person(models.Model):
    name = models.CharField(max_length=50)
    photo = models.ImageField(upload_to="photos", blank=True)
    cv = models.FileField(upload_to="cvs", null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    name = models.CharField(max_length=50, unique=True)
    members = models.ManyToManyField(Person, through="Seat", related_name="teams")

    def __str__(self) -> str:
        return self.name


class Seat(models.Model):
    """A many-to-many relation with a model of its own."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    role = models.CharField(max_length=20, default="")

    def __str__(self) -> str:
        return self.role


class Badge(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    label = models.CharField(max_length=30, unique=True)
    holder = models.OneToOneField(Person, null=True, blank=True, on_delete=models.SET_NULL)

    def __str__(self) -> str:
        return self.label


class Country(models.Model):
    code = models.CharField(max_length=2, primary_key=True)
    name = models.CharField(max_length=50, unique=True)

    def __str__(self) -> str:
        return self.code


class City(models.Model):
    name = models.CharField(max_length=50)
    country = models.ForeignKey(Country, to_field="name", on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.name


class Shelf(models.Model):
    label = models.CharField(max_length=20, unique=True)

    def __str__(self) -> str:
        return self.label


class Volume(models.Model):
    """Goes with its shelf, by the database's own doing where Django (6.1) leaves that to it."""

    shelf = models.ForeignKey(Shelf, on_delete=getattr(models, "DB_CASCADE", models.CASCADE))

    def __str__(self) -> str:
        return f"on {self.shelf}"


class AuthorManager(models.Manager["Author"]):
    def get_by_natural_key(self, name: str) -> Author:
        return self.get(name=name)


class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)
    born = models.DateField(null=True, blank=True)

    objects = AuthorManager()

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class BookManager(models.Manager["Book"]):
    def get_by_natural_key(self, title: str, author: str) -> Book:
        return self.get(title=title, author__name=author)


class Book(models.Model):
    title = models.CharField(max_length=50)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)
    pages = models.IntegerField(default=0)

    objects = BookManager()

    def __str__(self) -> str:
        return self.title

    def natural_key(self) -> tuple[str, str]:
        return (self.title, *self.author.natural_key())

    natural_key.dependencies = ["blog.author"]  # type: ignore[attr-defined]  # as Django documents it


class Note(models.Model):
    """A generic foreign key."""

    # The tests make this table before that of the content types.
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, db_constraint=False)
    object_id = models.PositiveBigIntegerField()
    about = GenericForeignKey()
    text = models.TextField()

    def __str__(self) -> str:
        return self.text
