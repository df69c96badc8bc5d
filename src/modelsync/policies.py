"""Policies: in which passes over the input the actions are done, and what one transaction holds.

A policy is declared, not executed, so that the set-based writer keeps working under it::

    class DeletesFirst(BasicSyncPolicy):
        passes = (Action.DELETE, Action.CREATE | Action.UPDATE)
"""

from __future__ import annotations

from collections.abc import Sequence

from modelsync.core.errors import ConfigurationError
from modelsync.core.passes import Pass
from modelsync.core.records import EVERYTHING, Action

__all__ = [
    "EVERYTHING",
    "BasicSyncPolicy",
    "OrderedSyncPolicy",
    "Pass",
    "TransactionSyncPolicy",
    "load_policy",
    "without_transaction",
]


class BasicSyncPolicy:
    """One pass: each record's actions, in the order of the input.

    Subclass it and set `passes` (actions, or Pass values) for another order; `atomic` says whether
    the whole run is one transaction.
    """

    passes: Sequence[Action | Pass] = (EVERYTHING,)
    atomic: bool = True

    def __repr__(self) -> str:
        """The same in every process: a resumed run is known by it."""
        return f"{type(self).__module__}.{type(self).__qualname__}({self.steps()}, atomic={self.atomic})"

    def steps(self) -> tuple[Pass, ...]:
        """The passes as Pass values."""
        return tuple(p if isinstance(p, Pass) else Pass(p) for p in self.passes)


class OrderedSyncPolicy(BasicSyncPolicy):
    """Three passes over all input: creates, then updates, then deletes."""

    passes = (Action.CREATE, Action.UPDATE, Action.DELETE)


class TransactionSyncPolicy(BasicSyncPolicy):
    """Another policy, in one transaction."""

    def __init__(self, policy: BasicSyncPolicy | None = None) -> None:
        self.passes = (policy or BasicSyncPolicy()).passes
        self.atomic = True


def without_transaction(policy: BasicSyncPolicy) -> BasicSyncPolicy:
    """The same passes, each batch committed for itself."""
    loose = BasicSyncPolicy()
    loose.passes = policy.passes
    loose.atomic = False
    return loose


def load_policy(policy: BasicSyncPolicy | type[BasicSyncPolicy] | str | None) -> BasicSyncPolicy:
    """A policy from an instance, a class, or the dotted path of either; None is the basic one."""
    if policy is None:
        return BasicSyncPolicy()
    found: object = policy
    if isinstance(policy, str):
        module, _, name = policy.rpartition(".")
        try:
            found = getattr(__import__(module, fromlist=[name]), name)
        except (ImportError, ValueError, AttributeError) as exc:
            raise ConfigurationError(
                f"there is no policy {policy!r}: {exc}. Give the dotted path of a class, "
                f"as in modelsync.policies.OrderedSyncPolicy"
            ) from exc
    if isinstance(found, type):
        found = found()
    if not isinstance(found, BasicSyncPolicy):
        raise ConfigurationError(
            f"{policy!r} is no policy; derive it from modelsync.policies.BasicSyncPolicy"
        )
    return found
