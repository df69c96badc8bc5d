"""The models that the tests sync into: plain ones, related ones, and one for each kind of trouble."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.files import File
from django.db import models
from django.db.models import F, Q

# People and houses, as the documentation of django-nsync has them.


class Person(models.Model):
    first_name = models.CharField(max_length=50)
    last_name = models.CharField(max_length=50)
    employee_id = models.CharField(max_length=20, blank=True, db_index=True)
    age = models.IntegerField(null=True, blank=True)
    hair_colour = models.CharField(max_length=50, default="Unknown")

    def __str__(self) -> str:
        return f"{self.first_name} {self.last_name}"


class House(models.Model):
    address = models.CharField(max_length=100)
    country = models.CharField(max_length=100, blank=True)
    floors = models.IntegerField(null=True, blank=True)
    owner = models.ForeignKey(Person, null=True, blank=True, on_delete=models.SET_NULL, related_name="houses")
    built = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return self.address


class Builder(Person):
    """Multi-table inheritance."""

    company = models.CharField(max_length=50, default="Self employed")
    buildings = models.ManyToManyField(House, blank=True, related_name="builders")


class Passport(models.Model):
    person = models.OneToOneField(Person, on_delete=models.CASCADE, related_name="passport")
    number = models.CharField(max_length=20, unique=True)

    def __str__(self) -> str:
        return self.number


class Portrait(models.Model):
    """A property with a setter does what a column cannot, as django-nsync documents."""

    employee_id = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=100)
    photo = models.FileField(upload_to="portraits", max_length=200, blank=True, null=True)

    def __str__(self) -> str:
        return self.name

    @property
    def photo_filename(self) -> str | None:
        return self.photo.name

    @photo_filename.setter
    def photo_filename(self, path: str) -> None:
        with Path(path).open("rb") as file:
            self.photo.save(Path(path).name, File(file), save=False)


# A catalogue: the everyday case.


class Supplier(models.Model):
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.code


class Tag(models.Model):
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.slug


class Product(models.Model):
    sku = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="")
    price = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    stock = models.IntegerField(default=0)
    weight = models.FloatField(null=True, blank=True)
    active = models.BooleanField(default=True)
    released = models.DateField(null=True, blank=True)
    updated = models.DateTimeField(null=True, blank=True)
    supplier = models.ForeignKey(
        Supplier, null=True, blank=True, on_delete=models.PROTECT, related_name="products"
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="products")

    def __str__(self) -> str:
        return self.sku


# References that point forward, to oneself and in a circle.


class Category(models.Model):
    code = models.CharField(max_length=20, unique=True)
    title = models.CharField(max_length=100)
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="children"
    )

    def __str__(self) -> str:
        return self.code


class Department(models.Model):
    code = models.CharField(max_length=20, unique=True)
    head = models.OneToOneField(
        "Employee", null=True, blank=True, on_delete=models.SET_NULL, related_name="heads"
    )

    def __str__(self) -> str:
        return self.code


class Employee(models.Model):
    number = models.CharField(max_length=20, unique=True)
    boss = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="reports")
    department = models.ForeignKey(Department, on_delete=models.CASCADE, related_name="employees")

    def __str__(self) -> str:
        return self.number


# Every kind of column.


class Choice(models.TextChoices):
    A = "a", "Choice A"
    B = "b", "Choice B"


class IntChoice(models.IntegerChoices):
    ONE = 1, "One"
    TWO = 2, "Two"


class Everything(models.Model):
    code = models.CharField(max_length=20, unique=True)
    f_char = models.CharField(max_length=10, null=True, blank=True)
    f_text = models.TextField(null=True, blank=True)
    f_slug = models.SlugField(null=True, blank=True)
    f_email = models.EmailField(null=True, blank=True)
    f_url = models.URLField(null=True, blank=True)
    f_int = models.IntegerField(null=True, blank=True)
    f_bigint = models.BigIntegerField(null=True, blank=True)
    f_smallint = models.SmallIntegerField(null=True, blank=True)
    f_posint = models.PositiveIntegerField(null=True, blank=True)
    f_posbig = models.PositiveBigIntegerField(null=True, blank=True)
    f_possmall = models.PositiveSmallIntegerField(null=True, blank=True)
    f_float = models.FloatField(null=True, blank=True)
    f_decimal = models.DecimalField(max_digits=12, decimal_places=4, null=True, blank=True)
    f_bool = models.BooleanField(null=True, blank=True)
    f_date = models.DateField(null=True, blank=True)
    f_datetime = models.DateTimeField(null=True, blank=True)
    f_time = models.TimeField(null=True, blank=True)
    f_duration = models.DurationField(null=True, blank=True)
    f_uuid = models.UUIDField(null=True, blank=True)
    f_json = models.JSONField(null=True, blank=True)
    f_binary = models.BinaryField(null=True, blank=True, editable=True)
    f_ip = models.GenericIPAddressField(null=True, blank=True)
    f_choice = models.CharField(max_length=1, choices=Choice, null=True, blank=True)
    f_int_choice = models.IntegerField(choices=IntChoice, null=True, blank=True)
    f_file = models.FileField(upload_to="files", null=True, blank=True)
    f_filepath = models.FilePathField(path=str(Path(__file__).parent), null=True, blank=True)

    def __str__(self) -> str:
        return self.code


# Primary keys that are not `id`.


class Uuided(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=50, unique=True)

    def __str__(self) -> str:
        return self.name


class Worded(models.Model):
    word = models.CharField(max_length=50, primary_key=True)
    note = models.CharField(max_length=100, blank=True)

    def __str__(self) -> str:
        return self.word


# What Django, the model or the database does by itself.


class Stamped(models.Model):
    code = models.CharField(max_length=20, unique=True)
    note = models.CharField(max_length=100, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    modified = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.code


def initial_state() -> str:
    """A default that is worked out for each object."""
    return "new"


class WithDefaults(models.Model):
    code = models.CharField(max_length=20, unique=True)
    level = models.IntegerField(db_default=7)
    state = models.CharField(max_length=20, default=initial_state)
    remark = models.CharField(max_length=50, blank=True, db_column="remark_text")
    hidden = models.CharField(max_length=50, blank=True, editable=False)
    quantity = models.IntegerField(default=1)
    double = models.GeneratedField(
        expression=F("quantity") * 2, output_field=models.IntegerField(), db_persist=True
    )

    def __str__(self) -> str:
        return self.code


class Saving(models.Model):
    """Its `save()` does something, so it has to be called."""

    code = models.CharField(max_length=20, unique=True)
    note = models.CharField(max_length=100, blank=True)
    saves = models.IntegerField(default=0, editable=False)

    def __str__(self) -> str:
        return self.code

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Shout the note and count the saves."""
        self.note = self.note.upper()
        self.saves += 1
        super().save(*args, **kwargs)


class Signalled(models.Model):
    """Tests connect receivers to its signals."""

    code = models.CharField(max_length=20, unique=True)
    note = models.CharField(max_length=100, blank=True)

    def __str__(self) -> str:
        return self.code


# What the database refuses.


class Slot(models.Model):
    a = models.CharField(max_length=20, unique=True)
    b = models.CharField(max_length=20, unique=True, null=True, blank=True)
    x = models.IntegerField(null=True, blank=True)
    y = models.IntegerField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["x", "y"], name="shop_slot_x_y")]

    def __str__(self) -> str:
        return self.a


class Exclusive(models.Model):
    code = models.CharField(max_length=20, unique=True)
    title = models.CharField(max_length=50)
    active = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["title"], condition=Q(active=True), name="shop_exclusive_title")
        ]

    def __str__(self) -> str:
        return self.code


class Checked(models.Model):
    code = models.CharField(max_length=20, unique=True)
    amount = models.IntegerField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(amount__gte=0), name="shop_checked_amount")]

    def __str__(self) -> str:
        return self.code


# What the conformance suite of targets asks for (modelsync.testing.TargetContract).


class Owner(models.Model):
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=50, blank=True, default="")
    boss = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    def __str__(self) -> str:
        return self.code


class Thing(models.Model):
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=50, blank=True, default="")
    size = models.IntegerField(null=True, blank=True)
    owner = models.ForeignKey(Owner, null=True, blank=True, on_delete=models.SET_NULL)

    def __str__(self) -> str:
        return self.code


class Part(models.Model):
    code = models.CharField(max_length=20, unique=True)
    thing = models.ForeignKey(Thing, on_delete=models.PROTECT)

    def __str__(self) -> str:
        return self.code


# Wide rows, and a unique name that is given up only by deleting, not by marking as deleted.


class SoftDeleted(models.Model):
    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=50, unique=True)
    deleted = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.code


class Wide(models.Model):
    """Forty columns: many parameters in every statement that takes whole rows."""

    code = models.CharField(max_length=20, unique=True)

    def __str__(self) -> str:
        return self.code


for _number in range(1, 40):
    Wide.add_to_class(f"c{_number}", models.IntegerField(null=True, blank=True))


# Relations and keys of the rarer kinds.


class Locker(models.Model):
    """A one-to-one relation that is the primary key."""

    person = models.OneToOneField(Person, primary_key=True, on_delete=models.CASCADE, related_name="locker")
    number = models.CharField(max_length=20, unique=True)

    def __str__(self) -> str:
        return self.number


class Stock(models.Model):
    """A foreign key that holds something else than a primary key."""

    code = models.CharField(max_length=20, unique=True)
    supplier = models.ForeignKey(
        Supplier, to_field="code", null=True, blank=True, on_delete=models.CASCADE, related_name="stocks"
    )

    def __str__(self) -> str:
        return self.code


class FormerSupplier(Supplier):
    """The same table under another name."""

    class Meta:
        proxy = True


class Club(models.Model):
    code = models.CharField(max_length=20, unique=True)
    members = models.ManyToManyField(Person, through="Membership", related_name="clubs")

    def __str__(self) -> str:
        return self.code


class Membership(models.Model):
    """A many-to-many relation with a model of its own."""

    club = models.ForeignKey(Club, on_delete=models.CASCADE)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    since = models.IntegerField(default=2000)

    def __str__(self) -> str:
        return f"{self.club_id}-{self.person_id}"


class Remark(models.Model):
    """A reference to an object of any model."""

    code = models.CharField(max_length=20, unique=True)
    # This app has no migrations, so its tables are made before that of content types.
    content_type = models.ForeignKey(ContentType, on_delete=models.CASCADE, db_constraint=False)
    object_id = models.CharField(max_length=50)
    about = GenericForeignKey("content_type", "object_id")

    def __str__(self) -> str:
        return self.code


class Slugged(models.CharField):  # type: ignore[type-arg]  # generic only in the stubs
    """A field that works its value out on saving."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        """Lower case, with hyphens."""
        value = str(getattr(model_instance, self.attname)).lower().replace(" ", "-")
        setattr(model_instance, self.attname, value)
        return value


class Titled(models.Model):
    code = models.CharField(max_length=20, unique=True)
    slug = Slugged(max_length=50)

    def __str__(self) -> str:
        return self.code
