"""Receiving what other sites push: the names that projects use.

The ready view is `path("push/", include("modelsync.push.urls"))`, set up by `MODELSYNC["push"]["receiver"]`;
`pre_save` gives a project its say in it. `RestAPIJobChangePushHandler` is for projects that have a view of
their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from django.apps import apps
from django.db import DatabaseError, models
from django.http import JsonResponse

from modelsync.core.errors import ConfigurationError
from modelsync.push.receiving import version1
from modelsync.push.receiving.accepting import Acceptance, Accepted
from modelsync.push.receiving.hooks import REGISTERED, Hook, require_callable
from modelsync.push.receiving.malformed import Malformed
from modelsync.push.receiving.taking import take

__all__ = ["PushResponse", "RestAPIJobChangePushHandler", "pre_save"]

H = TypeVar("H", bound=Callable[..., Any])


def pre_save(model: str | type[models.Model]) -> Callable[[H], H]:
    """Register a function for the ready view that is called before a received object is saved.

    Args:
        model: the model here, or its label.

    The function is called with the keyword arguments `new_object` (whether it is not here yet), `obj` (with
    the received values) and `data` (all that was sent, also what the model has no field for), and returns the
    object that is to be saved. It may raise ValidationError, whose messages the sender is told. Register it
    where it is imported when Django starts, as in `ready()` of an AppConfig:

        @pre_save("branch.Product")
        def shout(new_object, obj, data):
            obj.name = obj.name.upper()
            return obj
    """
    label = model.lower() if isinstance(model, str) else model._meta.label_lower
    if label.count(".") != 1:
        raise ConfigurationError(f"pre_save takes a model or its label, as 'shop.Product', not {model!r}")

    def register(hook: H) -> H:
        require_callable(hook)
        REGISTERED[label].append(hook)
        return hook

    return register


class PushResponse(JsonResponse):
    """An answer; `data` is what its body says."""

    def __init__(self, data: Mapping[str, Any], status: int) -> None:
        super().__init__(dict(data), status=status)
        self.data = dict(data)


class RestAPIJobChangePushHandler:
    """Takes what is pushed by version 1 of the wire, for a project with a view of its own.

    That view sees to who may push. Where `modelsync.push` is not in INSTALLED_APPS, what is older than what
    is here is told by the `version` and the `creation` that the objects themselves have, and what refers to
    something that is not here is answered with 409, so that it comes again.

    Args:
        app_label: the app that has the models.
        supported_models: the names of those that are taken.
    """

    def __init__(self, app_label: str, supported_models: Iterable[str]) -> None:
        self.app_label = app_label
        self.supported_models = list(supported_models)
        self.pre_save_hooks: defaultdict[str, list[Hook]] = defaultdict(list)

    def add_pre_save_hooks(self, model_name: str, hook_function: Hook) -> None:
        """Have a function called before an object of the model is saved; several are called one by one.

        See `pre_save` for what it takes and returns. Raises ValueError if it cannot be called.
        """
        require_callable(hook_function)
        self.pre_save_hooks[f"{self.app_label}.{model_name}".lower()].append(hook_function)

    def process(self, data: Mapping[str, Any]) -> PushResponse:
        """Take `{"id", "type", "model", "uuid", "data"}`.

        Returns the response for the sender. Its status is 200 where the object is as the sender has it, or
        newer; 202 for a model that is not supported, 417 for one that does not exist; 400 for what is
        malformed; 422 where the object is refused, 409 where it has to come again later, 503 where the
        database fails.
        """
        try:
            arrival = version1.read(data)
        except Malformed as error:
            return _failed(400, str(error))
        if arrival.name not in self.supported_models:
            return PushResponse({"success": True}, 202)
        try:
            acceptance = self._acceptance(arrival.name)
        except LookupError:
            return _failed(417, f"there is no model {self.app_label}.{arrival.name}")
        try:
            (result,) = take([arrival], acceptance, self.pre_save_hooks)
        except DatabaseError:
            return _failed(503, "the database failed")
        status, answer = version1.answer(result)
        return PushResponse(answer, status)

    def _acceptance(self, name: str) -> Acceptance:
        """The supported models, as far as they exist; raises LookupError if the named one does not."""
        found = {name: Accepted(model=apps.get_model(self.app_label, name))}
        for other in self.supported_models:
            try:
                found.setdefault(other, Accepted(model=apps.get_model(self.app_label, other)))
            except LookupError:
                continue
        return Acceptance(found)


def _failed(status: int, error: str) -> PushResponse:
    return PushResponse({"success": False, "error": error}, status)
