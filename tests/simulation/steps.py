"""What histories are made of, and how one is drawn by its seed."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from random import Random
from typing import Final, TypeAlias

MODELS: Final = ("Thing", "Unit", "Member")
#: The keys of each model that histories write; those of `OTHERS` belong to the second writer alone.
KEYS: Final = (1, 2, 3)
OTHERS: Final = (8, 9)
#: How applications differ is said in world.py.
APPLICATIONS: Final = ("old", "filtered", "new")
#: What can happen to a request, see world.py.
FAULTS: Final = (
    "lost",
    "lost answer",
    "late",
    "late",
    "twice",
    "twice",
    "slow",
    "slow answer",
    "half an answer",
    "302",
    "410",
    "422",
    "429",
    "500",
)
#: Where a worker can die: at a step of a drain, after some statement, or before the commit of a settling.
DEATHS: Final = ("claimed", "posting", "taken", "sent", "settling", "settled", "statement")
VERBS: Final = (
    *("save",) * 6,
    *("delete",) * 4,
    *("update",) * 2,
    "update all",
    "bulk create",
    "bulk update",
    "delete all",
    *("befriend",) * 3,
    *("activate",) * 2,
)


class _Plain:
    """Is printed with what is not the default."""

    def __repr__(self) -> str:
        said = (
            f"{each.name}={getattr(self, each.name)!r}"
            for each in fields(self)  # type: ignore[arg-type]  # all who inherit are dataclasses
            if getattr(self, each.name) != each.default
        )
        return f"{type(self).__name__}({', '.join(said)})"


@dataclass(frozen=True, repr=False, kw_only=True)
class Op(_Plain):
    """One statement of a project's code; `value` is what it writes."""

    verb: str
    model: str
    key: int
    value: int
    writer: int = 1


@dataclass(frozen=True, repr=False, kw_only=True)
class Writes(_Plain):
    """A transaction of some ops. `dies` says after how many statements it dies; -1: after the commit and
    before anything is sequenced.
    """

    ops: tuple[Op, ...]
    rolls_back: bool = False
    dies: int = 0


@dataclass(frozen=True, repr=False, kw_only=True)
class Opens(_Plain):
    """The second writer opens a transaction and writes; it is committed by Commits, some time."""

    op: Op


@dataclass(frozen=True, repr=False, kw_only=True)
class Commits(_Plain):
    """The second writer commits, or rolls back."""

    rolls_back: bool = False


@dataclass(frozen=True, repr=False, kw_only=True)
class Sequences(_Plain):
    """A worker sequences. `dies` says after how many statements it dies; -1: right before the commit.

    Where the second writer `commits`, it does so in the middle of it, and dies.
    """

    dies: int = 0
    commits: bool = False


@dataclass(frozen=True, repr=False, kw_only=True)
class Drains(_Plain):
    """A worker drains an application. `faults` happen to its first requests; at `point` somebody else does
    something meanwhile. Where it `is_joined`, another worker does the same at the same time. If that one, or
    the one that takes over from this one, dies, `other_dies` says where.
    """

    application: str
    faults: tuple[str, ...] = ()
    dies: str = ""
    statements: int = 0
    point: str = ""
    meanwhile: Writes | None = None
    is_joined: bool = False
    other_dies: str = ""
    sequences: bool = True


@dataclass(frozen=True, repr=False, kw_only=True)
class Arrives(_Plain):
    """A request that was late arrives, or a copy of one."""

    application: str
    which: int


@dataclass(frozen=True, repr=False, kw_only=True)
class Joins(_Plain):
    """The application that was not there from the beginning joins."""

    application: str


@dataclass(frozen=True, repr=False, kw_only=True)
class Switches(_Plain):
    """An application is made inactive, or active again."""

    application: str
    inactive: bool


@dataclass(frozen=True, repr=False, kw_only=True)
class Refuses(_Plain):
    """An application refuses an object from now on, or takes all of them again and is sent what failed."""

    application: str
    model: str = ""
    key: int = 0


@dataclass(frozen=True, repr=False, kw_only=True)
class Passes(_Plain):
    """Seconds pass."""

    seconds: int


@dataclass(frozen=True, repr=False, kw_only=True)
class Prunes(_Plain):
    """What is old is pruned, half a year later."""


Step: TypeAlias = (
    Writes | Opens | Commits | Sequences | Drains | Arrives | Joins | Switches | Refuses | Passes | Prunes
)


def draw(seed: int) -> list[Step]:
    """The history of a seed."""
    return Draw(seed).steps()


class Draw:
    """Draws steps."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.value = 10

    def steps(self) -> list[Step]:
        random = self.random
        many = random.randrange(3, 11)
        joins = random.randrange(many)
        found: list[Step] = [Writes(ops=tuple(map(self.first, MODELS)))]
        for number in range(many):
            if number == joins:
                found.append(Joins(application="new"))
            found += self.step()
        return found

    def first(self, model: str) -> Op:
        return Op(verb="bulk create", model=model, key=0, value=self.random.randrange(2, 5))

    def step(self) -> list[Step]:
        kinds = {
            self.writes: 32,
            self.drains: 32,
            self.flickers: 4,
            self.sequences: 5,
            self.arrives: 6,
            self.switches: 4,
            self.passes: 5,
            self.refuses: 4,
            self.opens: 4,
            self.commits: 5,
            Prunes: 1,
        }
        (kind,) = self.random.choices([*kinds], [*kinds.values()])
        drawn = kind()
        return drawn if isinstance(drawn, list) else [drawn]

    def sequences(self) -> list[Step]:
        random = self.random
        if random.random() < 0.6:
            return [Sequences(dies=random.choice((0, -1, random.randrange(1, 24))))]
        return [self.opens(), Writes(ops=self.ops(), dies=-1), Sequences(commits=True)]

    def arrives(self) -> Arrives:
        return Arrives(application=self.application(), which=self.random.randrange(4))

    def switches(self) -> Switches:
        return Switches(application=self.application(), inactive=self.random.random() < 0.6)

    def passes(self) -> Passes:
        return Passes(seconds=self.random.choice((3, 10, 70, 400, 4_000, 90_000)))

    def opens(self) -> Opens:
        return Opens(op=self.op(OTHERS, ("save", "save", "delete"), "Thing", 2))

    def commits(self) -> Commits:
        return Commits(rolls_back=self.random.random() < 0.2)

    def application(self) -> str:
        return self.random.choice(APPLICATIONS)

    def writes(self) -> Writes:
        random = self.random
        if random.random() < 0.6:
            return Writes(ops=self.ops())
        if random.random() < 0.2:
            return Writes(ops=self.ops(), rolls_back=True)
        return Writes(ops=self.ops(), dies=random.choice((-1, -1, -1, random.randrange(1, 24))))

    def flickers(self) -> list[Step]:
        """An object is changed and changed back, and somebody is sent what it was in between."""
        changed = self.op(KEYS, ("save", "update", "delete"), "Thing")
        return [
            Writes(ops=(changed,), dies=-1),
            Drains(application=self.application(), sequences=False),
            Writes(ops=(replace(changed, verb="change back"),)),
        ]

    def ops(self) -> tuple[Op, ...]:
        many = self.random.choice((1, 1, 1, 2, 3))
        return tuple(self.op(KEYS, VERBS) for _ in range(many))

    def op(self, keys: tuple[int, ...], verbs: tuple[str, ...], model: str = "", writer: int = 0) -> Op:
        random = self.random
        verb = random.choice(verbs)
        if verb in ("befriend", "activate"):
            model = "Member"
        self.value += 1
        return Op(
            verb=verb,
            model=model or random.choice((*MODELS, "Thing")),
            key=random.choice(keys),
            value=random.choice((random.randrange(1, 4), self.value)),
            writer=writer or random.choice((1, 2)),
        )

    def drains(self) -> Drains:
        random = self.random
        drains = Drains(
            application=self.application(),
            faults=tuple(random.choice((*FAULTS, "")) for _ in range(random.choice((0, 0, 1, 1, 2, 3, 6)))),
            is_joined=random.random() < 0.1,
            other_dies=random.choice(("", "", "claimed", "posting", "taken")),
            sequences=random.random() < 0.4,
        )
        more: dict[str, object] = {}
        if random.random() < 0.3:
            more |= {"dies": random.choice(DEATHS), "statements": random.randrange(1, 40)}
        if random.random() < (0.8 if {"slow", "slow answer"} & {*drains.faults} else 0.4):
            point = random.choice(("claimed", "posting", "taken", "sent"))
            more |= {"point": point, "meanwhile": self.meanwhile()}
        return Drains(**{**vars(drains), **more})

    def meanwhile(self) -> Writes:
        """Something that is likely to concern what is under way."""
        if self.random.random() < 0.5:
            return Writes(ops=self.ops())
        return Writes(ops=(self.op(KEYS, ("update all", "bulk update", "delete all")),))

    def refuses(self) -> Refuses:
        random = self.random
        application = self.application()
        if random.random() < 0.4:
            return Refuses(application=application)
        return Refuses(application=application, model=random.choice(MODELS), key=random.choice(KEYS))
