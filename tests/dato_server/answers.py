"""What the Content Delivery API answers to a request, from its headers and its body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)

from tests.dato_server.complexity import cost
from tests.dato_server.schema import build
from tests.dato_server.site import Environment, Site, Token
from tests.dato_server.view import Languages, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer. `records` are the ids of the records that root fields gave, in their order."""

    status: int = 200
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    complexity: int | None = None
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request in terms of GraphQL; what its body does not say is empty."""

    query: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    operation: str | None = None

    @classmethod
    def read(cls, body: bytes) -> Question | None:
        """None where the body is no question."""
        try:
            said = json.loads(body)
        except ValueError:
            return None
        if not isinstance(said, dict) or not isinstance(said.get("query"), str):
            return None
        variables = said.get("variables") or {}
        if not isinstance(variables, dict):
            return None
        return cls(query=said["query"], variables=variables, operation=said.get("operationName"))


class _Refused(Exception):
    """An error that is not one of the query."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def answer(site: Site, headers: Mapping[str, str], question: Question | None, address: str) -> Answer:
    """The answer to a request; `address` is where this server is, without a slash at the end."""
    with site.lock:
        try:
            return _answered(site, headers, question, address)
        except _Refused as refused:
            return _error(site, refused.status, refused.code, str(refused))
        finally:
            site.lag.answered()


def too_complex(site: Site, complexity: int) -> Answer:
    """The answer to a query that costs too much."""
    most = site.behaviour.max_complexity
    message = f"Query has complexity of {complexity}, which exceeds max complexity of {most}"
    return _said({"errors": [{"message": message}]}, site, complexity)


def not_found(site: Site) -> Answer:
    """The answer at an address where there is nothing."""
    return _error(site, 404, "NOT_FOUND", "nothing is here")


def _answered(site: Site, headers: Mapping[str, str], question: Question | None, address: str) -> Answer:
    lower = {name.lower(): value for name, value in headers.items()}
    token = _token(site, lower)
    environment = _environment(site, lower)
    drafts = _flag(lower, "X-Include-Drafts")
    valid_only = _flag(lower, "X-Exclude-Invalid")
    if not token.can_read or (drafts and not token.can_read_drafts):
        raise _Refused(403, "INSUFFICIENT_PERMISSIONS", "the API token may not do this")
    if question is None:
        raise _Refused(400, "INVALID_REQUEST_BODY", "the body must be JSON with a `query`")
    view = View(
        contents=environment.shown,
        types=environment.types,
        behaviour=site.behaviour,
        languages=Languages(site.locales[0]),
        address=address,
        includes_drafts=drafts,
        excludes_invalid=valid_only,
    )
    return _executed(site, build(tuple(environment.types.values()), site.locales), question, view)


def _executed(site: Site, schema: GraphQLSchema, question: Question, view: View) -> Answer:
    document, errors = _checked(schema, question.query)
    if document is None or errors:
        return _said({"errors": [each.formatted for each in errors]}, site)
    operation = get_operation_ast(document, question.operation)
    if not isinstance(operation, OperationDefinitionNode):
        return _said({"errors": [{"message": "Say by operationName which operation is meant"}]}, site)
    complexity = cost(schema, document, operation, question.variables)
    if complexity > site.behaviour.max_complexity:
        return too_complex(site, complexity)
    result = execute_sync(
        schema,
        document,
        context_value=view,
        variable_values=dict(question.variables),
        operation_name=question.operation,
    )
    said: dict[str, Any] = {}
    if result.errors:
        said["errors"] = [each.formatted for each in result.errors]
    if result.data is not None or not result.errors:
        said["data"] = result.data
    return _said(said, site, complexity, tuple(view.served))


@lru_cache(maxsize=256)
def _checked(schema: GraphQLSchema, query: str) -> tuple[DocumentNode | None, list[GraphQLError]]:
    try:
        document = parse(query)
    except GraphQLError as error:
        return None, [error]
    return document, validate(schema, document)


def _token(site: Site, headers: Mapping[str, str]) -> Token:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme != "Bearer" or token not in site.tokens:
        raise _Refused(401, "INVALID_AUTHORIZATION_HEADER", "the Authorization header is missing or wrong")
    return site.tokens[token]


def _environment(site: Site, headers: Mapping[str, str]) -> Environment:
    name = headers.get("x-environment")
    try:
        return site.environment(name)
    except KeyError:
        raise _Refused(404, "INVALID_ENVIRONMENT", f"there is no environment {name!r}") from None


def _flag(headers: Mapping[str, str], name: str) -> bool:
    value = headers.get(name.lower())
    if value in (None, "true"):
        return value == "true"
    code = f"INVALID_{name.upper().replace('-', '_')}_HEADER"
    raise _Refused(422, code, f"{name} header can only be set to `true`")


def _error(site: Site, status: int, code: str, message: str) -> Answer:
    error = {
        "id": code.lower().replace("_", "-"),
        "type": "api_error",
        "attributes": {"code": code, "details": {"message": message}},
    }
    wrapped: Any = {"bare": error, "data": {"data": error}, "data list": {"data": [error]}}
    return Answer(status=status, body=json.dumps(wrapped[site.behaviour.errors]).encode())


def _said(
    said: dict[str, Any], site: Site, complexity: int | None = None, records: tuple[str, ...] = ()
) -> Answer:
    headers = {"X-Max-Complexity": str(site.behaviour.max_complexity)}
    if complexity is not None:
        headers["X-Complexity"] = str(complexity)
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(body=body, headers=headers, complexity=complexity, records=records)
