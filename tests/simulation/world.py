"""Plays histories: the project's writers, the workers, the applications, the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from unittest import mock

from django.conf import settings
from django.db import OperationalError, connection, connections, transaction
from django.test import override_settings
from django.utils import timezone

from modelsync.push.delivery.draining import Drain, drain
from modelsync.push.models import Application, Attempt, JobChange
from modelsync.push.retention import prune
from modelsync.tracking.models import Change, Feed, Ledger
from modelsync.tracking.sequencing import sequence, sequenced
from tests.office.models import Member, Thing, Unit
from tests.simulation import steps
from tests.simulation.receiver import Receiver
from tests.simulation.steps import Step
from tests.simulation.truth import State, Truth
from tests.simulation.visits import LEASE, Dying, Killed, Meanwhile, Visit
from tests.simulation.writers import Writers, key_of

#: Another connection to the same database, where it can have transactions beside one another.
SECOND: Final = "second_writer"
_SECRETS: Final = ["whsec_" + "A" * 43 + "="]
_STATUS: Final = JobChange.STATUS
_FEED: Final = f"UPDATE {Feed._meta.db_table}"
_ATTEMPT: Final = f"INSERT {Attempt._meta.db_table}"
#: What is asked of the applications, by name.
SETTINGS: Final[dict[str, dict[str, Any]]] = {
    "old": {"protocol": 1, "backfill": None},
    "filtered": {
        "backfill": None,
        "protocol": 2,
        "batch_size": 4,
        "signing_secrets": _SECRETS,
        "filters": {
            "office.Thing": {"fields": ["name", "is_public"], "rows": {"is_public": True}},
            "office.Member": {"fields": ["name", "friends", "version"], "rows": {"inactive": False}},
            "office.Unit": False,
        },
    },
    # The other models that are tests' are behind it: they cost time, and nothing is in them.
    "new": {"protocol": 2, "signing_secrets": _SECRETS, "batch_size": 10, "backfill": ["office"]},
}


class _Undone(Exception):
    """A transaction is rolled back."""


class Clock:
    """The time: a millisecond passes whenever somebody looks."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def pass_by(self, seconds: float) -> None:
        """Time passes."""
        self.time += timedelta(seconds=seconds)


@dataclass
class World:
    """One history's. `findings` are the faults of what was simulated; there should be none."""

    seed: int
    clock: Clock = field(default_factory=Clock)
    truth: Truth = field(default_factory=Truth)
    numbers: dict[str, int] = field(default_factory=dict)
    receivers: dict[str, Receiver] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.writers = Writers(self.clock)
        self.opened: transaction.Atomic | None = None
        self.later: list[steps.Op] = []
        self.sequencer_dies = False
        #: What ends a process or its transaction. MariaDB locks more than is written: who would wait for the
        #: second writer, who does not go on before, gives up.
        self.ends: tuple[type[BaseException], ...] = (Killed, _Undone)
        if connection.vendor == "mysql":
            self.ends = (*self.ends, OperationalError)

    def play(self, history: Sequence[Step]) -> list[str]:
        """Play it to the end; the findings."""
        empty()
        for name in ("old", "filtered"):
            self.joins(steps.Joins(application=name))
        try:
            for step in history:
                getattr(self, type(step).__name__.lower())(step)
            self.rest()
            self.compare()
        finally:
            if self.opened:
                self.commits(steps.Commits(rolls_back=True))
        return self.findings

    # Steps.

    def writes(self, step: steps.Writes) -> None:
        dying = Dying(after=max(step.dies, 0), text=_FEED if step.dies < 0 else "")
        with suppress(*self.ends), connection.execute_wrapper(dying):
            if len(step.ops) == 1 and not step.rolls_back:
                self.writers.write(step.ops[0], "default")
            else:
                with transaction.atomic():
                    for op in step.ops:
                        self.writers.write(op, "default")
                    if step.rolls_back:
                        raise _Undone
        assert not connection.in_atomic_block
        self.truth.look({op.model for op in step.ops})

    def opens(self, step: steps.Opens) -> None:
        if connection.vendor == "sqlite":
            self.later.append(step.op)
            return
        if self.opened is None:
            self.opened = transaction.atomic(using=SECOND)
            self.opened.__enter__()
        self.writers.write(step.op, SECOND)

    def commits(self, step: steps.Commits) -> None:
        error = _Undone() if step.rolls_back else None
        if self.opened:
            opened, self.opened = self.opened, None
            opened.__exit__(error and _Undone, error, None)
        elif self.later and not step.rolls_back:
            with transaction.atomic():
                for op in self.later:
                    self.writers.write(op, "default")
        self.later.clear()
        self.truth.look({"Thing"})

    def sequences(self, step: steps.Sequences) -> None:
        self.sequencer_dies = step.dies < 0
        meanwhile = Meanwhile(self._commit_and_die) if step.commits and self.opened else Dying()
        with (
            suppress(*self.ends),
            connection.execute_wrapper(Dying(after=max(step.dies, 0))),
            connection.execute_wrapper(meanwhile),
        ):
            sequence()
        self.sequencer_dies = False

    def _commit_and_die(self) -> None:
        """The second writer's process; what it committed will be sequenced by somebody else."""
        with connections[SECOND].execute_wrapper(Dying(text=_FEED)), suppress(Killed):
            self.commits(steps.Commits())
        self.truth.look({"Thing"})

    def drains(self, step: steps.Drains) -> None:
        if step.application not in self.numbers:
            return
        dying = Dying(
            after=step.statements if step.dies == "statement" else 0,
            text=_ATTEMPT if step.dies == "settling" else "",
        )
        visit = Visit(
            step,
            self.receivers[step.application],
            dying=dying,
            somebody=lambda: self.writes(step.meanwhile) if step.meanwhile else None,
            other=lambda late: self._other_worker(step, late),
            clock=self.clock,
        )
        options = Drain(transport=visit, clock=self.clock, chance=self.random.random, watchers=[visit])
        with suppress(*self.ends), connection.execute_wrapper(dying):
            if step.sequences:
                sequence()
            drain(self.numbers[step.application], options)
        assert not connection.in_atomic_block

    def _other_worker(self, step: steps.Drains, late: bool) -> None:
        """Is there, too; if it is late, it takes over what has a lease that has run out."""
        if late:
            self.clock.pass_by(LEASE + 1)
            if step.meanwhile:
                self.writes(step.meanwhile)
        self.drains(steps.Drains(application=step.application, dies=step.other_dies))

    def arrives(self, step: steps.Arrives) -> None:
        receiver = self.receivers.get(step.application)
        if receiver and receiver.late:
            receiver.take(receiver.late.pop(step.which % len(receiver.late)))

    def joins(self, step: steps.Joins) -> None:
        name = step.application
        made = Application.objects.create(
            name=name, api_endpoint_base="https://app.test/", concurrency=1, **SETTINGS[name]
        )
        self.numbers[name] = made.pk
        self.receivers[name] = Receiver(view_of(name, made.pk), self.truth)

    def switches(self, step: steps.Switches) -> None:
        if step.application in self.numbers:
            application = Application.objects.get(pk=self.numbers[step.application])
            application.inactive = step.inactive
            application.save()
            if step.inactive:  # nothing of it is on its way any more, whatever a worker may still have
                self.receivers[step.application].leases.clear()

    def refuses(self, step: steps.Refuses) -> None:
        if step.application not in self.numbers:
            return
        receiver = self.receivers[step.application]
        if step.model:
            receiver.refused.add((f"office.{step.model}", str(key_of(step.model, step.key))))
        else:
            receiver.refused.clear()
            self._replay(application=self.numbers[step.application])

    def passes(self, step: steps.Passes) -> None:
        self.clock.pass_by(step.seconds)

    def prunes(self, step: steps.Prunes) -> None:
        self.clock.pass_by(180 * 86_400)
        prune("default", self.clock())

    # The end.

    def rest(self) -> None:
        """Nothing goes wrong any more, and everything is done."""
        self.commits(steps.Commits())
        for name in self.numbers:
            self.receivers[name].refused.clear()
        for name in Application.objects.filter(inactive=True).values_list("name", flat=True):
            self.switches(steps.Switches(application=name, inactive=False))
        self._replay()
        for _ in range(5):
            self.clock.pass_by(30 * 3_600)
            sequence()
            for name in self.numbers:
                self.drains(steps.Drains(application=name, sequences=False))
                self.arrives(steps.Arrives(application=name, which=self.random.randrange(4)))
            self._replay()
            if not Change.objects.exists() and not self._unfinished():
                break
        else:
            self.findings.append(f"it does not come to rest: {self._unfinished()}")
        for name, receiver in self.receivers.items():
            while receiver.late:
                self.arrives(steps.Arrives(application=name, which=self.random.randrange(4)))

    def compare(self) -> None:
        """Everybody has exactly what there is."""
        for name, receiver in self.receivers.items():
            self.findings += [f"{name}: {each}" for each in receiver.findings]
            wanted, there = self.truth.newest(receiver.view), receiver.there()
            for place in sorted({*wanted, *there}):
                if wanted.get(place) != there.get(place):
                    self.findings.append(
                        f"{name} has of {place}: {there.get(place)}\n  and should have: {wanted.get(place)}"
                    )
        known = set(Ledger.objects.filter(deleted=False).values_list("model", "object_pk"))
        there = {place for place, states in self.truth.told.items() if states[-1] is not None}
        if known != there:
            self.findings.append(f"the ledger is wrong: {sorted(known ^ there)}")

    def _replay(self, **which: Any) -> None:
        JobChange.objects.filter(status=_STATUS.FATAL_ERROR, **which).retry(self.clock())

    def _unfinished(self) -> list[Any]:
        jobs = JobChange.objects.exclude(status=_STATUS.DONE)
        return list(jobs.values_list("application__name", "target_label", "target_uuid", "status"))


def play(seed: int, history: Sequence[Step] | None = None) -> list[str]:
    """Play a history, that of the seed if no other is given; the findings."""
    world = World(seed)

    def sequencing(**_: object) -> None:
        if world.sequencer_dies:
            raise Killed

    sequenced.connect(sequencing)
    # Of half of them, only workers sequence.
    given = {**settings.MODELSYNC, "sequence_on_commit": world.random.random() < 0.5}
    try:
        with (
            mock.patch.object(timezone, "now", world.clock),
            override_settings(MODELSYNC=given),
            _second_connection(),
        ):
            return world.play(steps.draw(seed) if history is None else history)
    finally:
        sequenced.disconnect(sequencing)


@contextmanager
def _second_connection() -> Iterator[None]:
    """The second writer's own, on a server."""
    if connection.vendor == "sqlite":
        yield
        return
    connections[SECOND] = connection.copy(SECOND)
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
    try:
        yield
    finally:
        connections[SECOND].close()
        del connections[SECOND]


def view_of(name: str, number: int) -> Callable[[str, State], State | None]:
    """What an application is to have of an object."""
    filters = SETTINGS[name].get("filters", {})

    def view(label: str, state: State) -> State | None:
        given = filters.get(label, {})
        if given is False or any(state[each] != wanted for each, wanted in given.get("rows", {}).items()):
            return None
        seen = {each: value for each, value in state.items() if each != "active"}
        if "inactive" in seen:
            seen["inactive"] = seen["inactive"] or number not in state["active"]
        return {each: seen[each] for each in given.get("fields", seen)}

    return view


def empty(using: str = "default") -> None:
    """Delete what the history before has left."""
    through = (
        Member.friends.through,
        Member.applications_active.through,
        Unit.applications_active.through,
    )
    for model in (Attempt, JobChange, *through, Member, Unit, Thing, Application, Change, Ledger, Feed):
        model._base_manager.using(using)._raw_delete(using)
