"""Models whose changes are tracked."""

from __future__ import annotations

import uuid
from typing import Literal

from django.db import connection, models

from modelsync.tracking import TrackedManager, track


class Label(models.Model):
    """Is not tracked, but what names it is."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Article(models.Model):
    """All kinds of relations."""

    title = models.CharField(max_length=100)
    body = models.JSONField(default=dict)
    author = models.ForeignKey("Author", null=True, blank=True, on_delete=models.CASCADE)
    editor = models.ForeignKey(
        "Author", null=True, blank=True, on_delete=models.SET_NULL, related_name="edited"
    )
    labels = models.ManyToManyField(Label, blank=True)
    related = models.ManyToManyField("self", blank=True)
    follows = models.ManyToManyField("self", blank=True, symmetrical=False, related_name="followed_by")

    objects = TrackedManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.title


class Shown(Article):
    """A proxy."""

    class Meta:
        proxy = True


class Review(Article):
    """Multi-table inheritance."""

    score = models.IntegerField(default=0)


class Author(models.Model):
    """Only the name and the mentor count."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=100)
    mood = models.CharField(max_length=20, default="")
    mentor = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)

    objects = TrackedManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.name


class Note(models.Model):
    """Nothing names it, and nothing inherits from it."""

    text = models.CharField(max_length=100)
    labels = models.ManyToManyField(Label, blank=True)

    objects = TrackedManager()

    def __str__(self) -> str:
        return self.text


class Shelf(models.Model):
    """Only name and room count. This and what follows is captured by triggers where the database has them."""

    code = models.CharField(max_length=20, primary_key=True)
    name = models.CharField(max_length=100)
    room = models.JSONField(null=True)
    dust = models.IntegerField(default=0)

    objects = TrackedManager()

    def __str__(self) -> str:
        return self.name


class Book(models.Model):
    """Everything counts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    title = models.CharField(max_length=100)
    pages = models.IntegerField(default=0)
    shelf = models.ForeignKey(Shelf, null=True, on_delete=models.CASCADE)
    second = models.ForeignKey(Shelf, null=True, on_delete=models.SET_NULL, related_name="+")
    labels = models.ManyToManyField(Label, blank=True)
    sequels = models.ManyToManyField("self", blank=True, symmetrical=False)

    objects = TrackedManager()

    class Meta:
        base_manager_name = "objects"

    def __str__(self) -> str:
        return self.title


class Atlas(Book):
    """Multi-table inheritance; of what is inherited the title and the labels count."""

    scale = models.IntegerField(default=0)


class Switch(models.Model):
    """A primary key whose text in a database is not that in Python."""

    is_on = models.BooleanField(primary_key=True)
    name = models.CharField(max_length=100)

    objects = TrackedManager()

    def __str__(self) -> str:
        return self.name


track(Article)
track(Review)
track(Author, fields=["name", "mentor"])
track(Note)

TRIGGER: Literal["orm", "trigger"] = "trigger" if connection.vendor == "postgresql" else "orm"
track(Shelf, fields=["name", "room"], capture=TRIGGER)
track(Book, capture=TRIGGER)
track(Atlas, fields=["title", "labels", "scale"], capture=TRIGGER)
track(Switch, capture=TRIGGER)
