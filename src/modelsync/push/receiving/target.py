"""The target of the engine that items are applied to: it writes what can be written, and shelves the rest."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, NoReturn

from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, InterfaceError, OperationalError, models, transaction
from django.db.models import ProtectedError, RestrictedError

from modelsync.core.errors import RecordError
from modelsync.core.ports import Applied, Group, Settled
from modelsync.core.records import Batch
from modelsync.push.receiving.accepting import Accepted
from modelsync.push.receiving.arrivals import Item
from modelsync.push.receiving.binding import make_shape
from modelsync.push.receiving.converting import Converters
from modelsync.push.receiving.fences import Fence
from modelsync.push.receiving.hooks import Hooks, hooks_for
from modelsync.push.receiving.references import Place, Reference, Resolved, missing_of, resolve
from modelsync.push.receiving.shelf import Shelf
from modelsync.targets.django.cells import python_columns
from modelsync.targets.django.context import Context
from modelsync.targets.django.objects import ObjectsWriter
from modelsync.targets.django.shape import Shape
from modelsync.targets.django.sql import dialect_for
from modelsync.targets.django.staged import StagedWriter, why_objects

log = logging.getLogger(__name__)
#: So many objects are written faster through a stage than one after the other.
_MANY: Final = 20


class ReceivingTarget:
    """Applies the items of one run. `items` are in the order of the records' ordinals.

    Afterwards, `written` is all that may have been waited for, `unready` the ordinals of those
    that refer to what is missing where nothing can wait, with the reason.
    """

    def __init__(
        self,
        items: Sequence[Item],
        convert: Converters,
        hooks: Hooks,
        fence: Fence,
        shelf: Shelf | None,
    ) -> None:
        self.items = items
        self.convert = convert
        self.using = convert.using
        self.hooks = hooks
        self.fence = fence
        self.shelf = shelf
        self.members: dict[int, Resolved] = {}
        self.written: set[Place] = set()
        self.touched: set[Accepted] = set()
        self.unready: dict[int, str] = {}
        self.tried: set[int] = set()
        self.is_inside = False

    # -- the port ----------------------------------------------------------------------------

    def apply(self, group: Group) -> Applied:
        """Write what can be written, one object after the other."""
        applied = Applied.empty(len(group))
        items = [self.items[number] for number in group.numbers]
        if group.in_circle:
            # What is missing was shelved; what else was refused is refused again.
            applied.postponed = {p: RecordError("it is still refused") for p in range(len(group))}
        elif items[0].deletes:
            self._delete(group, items, applied)
        else:
            self._write(group, items, applied)
        return applied

    def settle(self) -> Iterator[Settled]:
        """Nothing: every outcome is known at once."""
        return iter(())

    def saw(self, batch: Batch, keys: Sequence[str | None]) -> None:
        """Nothing: what does not arrive stays."""

    def finish(self) -> int:
        """Nothing: what does not arrive stays."""
        return 0

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """The transaction around it is there already; inside, a savepoint."""
        if not self.is_inside:
            self.is_inside = True
            yield
            return
        with transaction.atomic(using=self.using):
            yield

    # -- what takes part in saving an object (targets.django.context.Around) ---------------------

    def before(self, obj: models.Model, number: int, *, new: bool) -> models.Model | None:
        """Call the project's hooks."""
        item = self.items[number]
        hooks = [] if item.fills or item.arrival.deletes else hooks_for(self.hooks, item.accepted.model)
        for hook in hooks:
            obj = hook(new_object=new, obj=obj, data=dict(item.arrival.fields))
            if not isinstance(obj, models.Model):
                raise RecordError("a pre-save hook of the receiving site did not return an object")
        return obj if hooks else None

    def after(self, obj: Any, number: int) -> None:
        """Give the object its many-to-many relations."""
        item = self.items[number]
        for name, keys in self.members[number].members.items():
            manager = getattr(obj, name).db_manager(self.using)
            if item.fills:
                manager.add(*keys)
            else:
                manager.set(keys)
        if self.shelf:
            self.written |= self.shelf.places_of(item.accepted, obj)

    # -- writing -----------------------------------------------------------------------------

    def _write(self, group: Group, items: Sequence[Item], applied: Applied) -> None:
        shape = make_shape(
            items[0].accepted, group.columns[1:], self.convert, is_text=items[0].arrival.is_text
        )
        resolved = self._resolve(items, applied)
        missing = missing_of(
            (reference for each in resolved.values() for reference in each.references), self.using
        )
        ready: list[int] = []
        lacking: dict[int, list[Reference]] = {}
        for position, each in resolved.items():
            lacking[position] = [reference for reference in each.references if reference in missing]
            if self._must_wait(group, position, lacking[position], shape, applied):
                continue
            ready.append(position)
            self.members[group.numbers[position]] = each.without(lacking[position])
        self._save(group, ready, shape, applied)
        for position in ready:
            if self.shelf and position not in applied.postponed and position not in applied.rejections:
                self.shelf.settle(items[position], lacking[position])

    def _resolve(self, items: Sequence[Item], applied: Applied) -> dict[int, Resolved]:
        found: dict[int, Resolved] = {}
        for position, item in enumerate(items):
            try:
                found[position] = resolve(item, self.convert)
            except RecordError as error:
                applied.reject(position, error)
        return found

    def _overtaken(self, group: Group) -> Iterator[int]:
        """Those whose objects somebody else has made meanwhile: without tables, there is no lock."""
        for position, number in enumerate(group.numbers):
            if self.shelf is None and number in self.tried:
                self.fence.lock((), [self.items[number]])
                if not self.fence.is_news(self.items[number]):
                    yield position

    def _must_wait(
        self, group: Group, position: int, lacking: list[Reference], shape: Shape, applied: Applied
    ) -> bool:
        """Whether an item cannot be written before something else is here; it is shelved then."""
        number, item = group.numbers[position], self.items[group.numbers[position]]
        if not lacking or (self.shelf and not any(reference.is_required for reference in lacking)):
            return False
        _, faults = python_columns(shape, group.take([position]))
        if faults:
            applied.reject(position, faults[0])
        elif self.shelf:
            self.shelf.hold(item, lacking)
            applied.skip(position, "held back")
        else:
            label, key = lacking[0].place
            self.unready[number] = f"{lacking[0].name}: there is no {label} {key} here (yet)"
            applied.skip(position, "not ready")
        return True

    def _save(self, group: Group, ready: Sequence[int], shape: Shape, applied: Applied) -> None:
        if not ready:
            return
        some = group.take(ready)
        some = replace(
            some,
            cells=tuple(
                [self._cell(number, name, cell) for number, cell in zip(some.numbers, cells, strict=True)]
                for name, cells in zip(some.columns, some.cells, strict=True)
            ),
        )
        self._run_writer(some, ready, shape, applied)

    def _cell(self, number: int, name: str, cell: object) -> object:
        values = self.members[number].values
        return values.get(name, cell)

    def _run_writer(self, some: Group, positions: Sequence[int], shape: Shape, applied: Applied) -> None:
        done = self._writer(some, shape).apply(some)
        for place, position in enumerate(positions):
            error = done.rejections.get(place) or done.postponed.get(place)
            if error is None:
                applied.outcomes[position] = done.outcomes[place]
                self.touched.add(self.items[some.numbers[place]].accepted)
            elif _may_pass(error):
                # Something else of the same request may be in its way, and gone later.
                applied.postponed[position] = told(error)
                self.tried.add(some.numbers[place])
            else:
                applied.reject(position, told(error))

    def _writer(self, some: Group, shape: Shape) -> StagedWriter | ObjectsWriter:
        """What writes a group: many at once where nobody has to be asked about single objects."""
        items = [self.items[number] for number in some.numbers]
        hooks = hooks_for(self.hooks, items[0].accepted.model)
        is_plain = (
            not hooks and not items[0].deletes and not any(self.members[n].members for n in some.numbers)
        )
        if self.shelf and is_plain and len(items) >= _MANY and shape.schema.user_code is None:
            context = Context(schema=shape.schema, using=self.using)
            dialect = dialect_for(context.connection)
            if dialect is not None and why_objects(context, shape, dialect) is None:
                with context.connection.cursor() as cursor:
                    dialect.begin(cursor, ())
                for item in items:
                    self.written |= self.shelf.places_of_item(item, self.convert)
                return StagedWriter(context, shape, dialect)
        return ObjectsWriter(Context(schema=shape.schema, using=self.using, around=self), shape)

    # -- deleting ----------------------------------------------------------------------------

    def _delete(self, group: Group, items: Sequence[Item], applied: Applied) -> None:
        accepted = items[0].accepted
        ready: list[int] = []
        going = {item.place for item in self.items if item.deletes}
        for position, item in enumerate(items):
            if self._is_referred_to(item, going):
                assert self.shelf
                self.shelf.hold(item, ())
                applied.skip(position, "held back")
            else:
                ready.append(position)
        if not ready:
            return
        shape = make_shape(accepted, (), self.convert, is_text=False)
        self._run_writer(group.take(ready), ready, shape, applied)
        for position in ready:
            if self.shelf and position not in applied.postponed and position not in applied.rejections:
                self.shelf.settle(items[position], ())

    def _is_referred_to(self, item: Item, going: set[tuple[str, str]]) -> bool:
        """Whether a received object refers to it, which is locked then: it has to go or to change first.

        Its own change will arrive, if it has not been overtaken: then the object is to be made again, too.
        """
        passed: set[tuple[str, str]] = set()
        while self.shelf:
            holder = self.shelf.holder(item, going, passed)
            if holder is None:
                return False
            self.fence.lock([holder])
            if self.shelf.holder(item, going, passed) == holder:
                return True
            passed.add(holder)
        return False


def told(error: RecordError) -> RecordError:
    """The error as it may be told to the sender: not what the project's own code says of other things."""
    cause = error.__cause__
    if isinstance(cause, (OperationalError, InterfaceError)):
        _fail(cause)
    if cause is None or isinstance(cause, (DatabaseError, ValidationError, ProtectedError, RestrictedError)):
        return error
    where = cause.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    log.warning(
        "code of this site failed on what was pushed",
        extra={
            "error": type(cause).__name__,
            "place": f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where else "",
        },
    )
    return RecordError(f"code of the receiving site failed: {type(cause).__name__}", column=error.column)


def _may_pass(error: RecordError) -> bool:
    return isinstance(error.__cause__, (IntegrityError, ProtectedError, RestrictedError))


def _fail(cause: Exception) -> NoReturn:
    """The database failed, which is no fault of what was sent."""
    raise cause
