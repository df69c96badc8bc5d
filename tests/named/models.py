"""Models whose objects are known by natural keys of every kind."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models


class ByKey(models.Manager[Any]):
    """Finds objects by the fields that their class names: `KEY`."""

    def get_by_natural_key(self, *key: Any) -> Any:
        return self.get(**dict(zip(self.model.KEY, key, strict=True)))


class Topic(models.Model):
    """References to itself."""

    KEY = ("slug",)
    slug = models.CharField(max_length=50, unique=True)
    title = models.CharField(max_length=100, default="")
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )
    related = models.ManyToManyField("self", blank=True, symmetrical=False)
    best = models.ForeignKey("Page", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    objects = ByKey()

    def __str__(self) -> str:
        return self.slug

    def natural_key(self) -> tuple[Any, ...]:
        return (self.slug,)


class Page(models.Model):
    """A key that goes over a reference."""

    KEY = ("topic__slug", "number")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    number = models.IntegerField()
    text = models.TextField(default="")

    objects = ByKey()

    class Meta:
        unique_together = [("topic", "number")]

    def __str__(self) -> str:
        return self.text

    def natural_key(self) -> tuple[Any, ...]:
        return (*self.topic.natural_key(), self.number)

    natural_key.dependencies = ["named.topic"]  # type: ignore[attr-defined]  # as Django documents it


class Remark(models.Model):
    """A key that goes over two references, and reads the second one's field."""

    KEY = ("page__topic__slug", "page__number", "code")
    page = models.ForeignKey(Page, on_delete=models.CASCADE)
    code = models.UUIDField()
    text = models.TextField(default="")

    objects = ByKey()

    class Meta:
        unique_together = [("page", "code")]

    def __str__(self) -> str:
        return self.text

    def natural_key(self) -> tuple[Any, ...]:
        return (*self.page.natural_key(), str(self.code))


class Footnote(models.Model):
    """A key that goes over a reference by what many objects may have."""

    KEY = ("topic__title", "code")
    topic = models.ForeignKey(Topic, on_delete=models.CASCADE)
    code = models.IntegerField()

    objects = ByKey()

    def __str__(self) -> str:
        return str(self.code)

    def natural_key(self) -> tuple[Any, ...]:
        return (self.topic.title, self.code)


#: What `make_id` gives next.
PLANNED: list[uuid.UUID] = []


def make_id() -> uuid.UUID:
    """Anything, unless a test has planned it."""
    return PLANNED.pop() if PLANNED else uuid.uuid4()


class Token(models.Model):
    """A primary key that its default makes."""

    KEY = ("topic", "name")
    id = models.UUIDField(primary_key=True, default=make_id)
    topic = models.ForeignKey(Topic, null=True, blank=True, on_delete=models.CASCADE)
    name = models.CharField(max_length=50)
    note = models.CharField(max_length=50, default="")

    class Manager(models.Manager["Token"]):
        """The key of the topic is there, or nothing is."""

        def get_by_natural_key(self, name: str, topic: str | None = None) -> Token:
            return self.get(name=name, topic__slug=topic)

    objects = Manager()

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[Any, ...]:
        return (self.name, self.topic.slug if self.topic else None)


class Account(models.Model):
    """Found by more than what is equal."""

    email = models.CharField(max_length=50, unique=True)
    name = models.CharField(max_length=50, default="")
    topics = models.ManyToManyField(Topic, blank=True)

    class Manager(models.Manager["Account"]):
        """Ignores case."""

        def get_by_natural_key(self, email: str) -> Account:
            return self.get(email__iexact=email)

    objects = Manager()

    def __str__(self) -> str:
        return self.email

    def natural_key(self) -> tuple[str]:
        return (self.email,)


class Folder(models.Model):
    """A key of any length."""

    name = models.CharField(max_length=50)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE)

    class Manager(models.Manager["Folder"]):
        """Goes down the path."""

        def get_by_natural_key(self, *path: str) -> Folder:
            found = None
            for name in path:
                found = self.get(name=name, parent=found)
            assert found
            return found

    objects = Manager()

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str, ...]:
        return (*(self.parent.natural_key() if self.parent else ()), self.name)


class Word(models.Model):
    """A primary key that nothing makes."""

    KEY = ("name",)
    code = models.CharField(max_length=10, primary_key=True)
    name = models.CharField(max_length=50, unique=True)
    text = models.CharField(max_length=50, default="")

    objects = ByKey()

    def __str__(self) -> str:
        return self.code

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class Nickname(models.Model):
    """A key that the database does not keep unique, and that may be NULL."""

    KEY = ("name",)
    name = models.CharField(max_length=50, null=True, blank=True)
    text = models.CharField(max_length=50, default="")

    objects = ByKey()

    def __str__(self) -> str:
        return str(self.name)

    def natural_key(self) -> tuple[str | None]:
        return (self.name,)


class Place(models.Model):
    KEY = ("name",)
    name = models.CharField(max_length=50, unique=True)
    words = models.ManyToManyField(Word, blank=True)

    objects = ByKey()

    def __str__(self) -> str:
        return self.name

    def natural_key(self) -> tuple[str]:
        return (self.name,)


class Restaurant(Place):
    """Multi-table inheritance."""

    stars = models.IntegerField(default=0)
    chef = models.ForeignKey(Account, null=True, blank=True, on_delete=models.SET_NULL)


class Visit(models.Model):
    """Has no natural key."""

    restaurant = models.ForeignKey(Restaurant, on_delete=models.CASCADE)
    day = models.DateField()

    def __str__(self) -> str:
        return str(self.day)
