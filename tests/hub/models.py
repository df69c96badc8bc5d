"""Models whose changes are tracked."""

from __future__ import annotations

import uuid

from django.db import models

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
    """Only the name and the mentor count; the base manager is Django's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=100)
    mood = models.CharField(max_length=20, default="")
    mentor = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL)

    objects = TrackedManager()

    def __str__(self) -> str:
        return self.name


track(Article)
track(Review)
track(Author, fields=["name", "mentor"])
