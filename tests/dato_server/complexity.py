"""What a query costs, by the rules that DatoCMS documents.

A field costs 1. A collection costs 100, and the page size times what is within; its count 1,000; each
operator of a filter and each order 250. A link, an asset or a single block costs 10 and what is within, a
list of them 10 and five times that. Of the fragments on the types of a union the dearest counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    value_from_ast_untyped,
)

from tests.dato_server.paging import PAGE

_FILTER: Final = 250
_ORDER: Final = 250


def cost(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any],
) -> int:
    """The complexity of an operation of a valid document."""
    assert schema.query_type
    defaults = {
        each.variable.name.value: value_from_ast_untyped(each.default_value)
        for each in operation.variable_definitions or ()
        if each.default_value
    }
    meter = _Meter(schema, document, {**defaults, **variables})
    return meter.selected(operation.selection_set, schema.query_type)


class _Meter:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any]) -> None:
        self.schema = schema
        self.variables = variables
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }

    def selected(self, selections: SelectionSetNode, parent: Any) -> int:
        """The cost of what is selected from a type."""
        total, by_type = 0, dict[str, int]()
        for node in selections.selections:
            if isinstance(node, FieldNode):
                total += self._field(node, parent)
                continue
            inner, on = self._fragment(node, parent)
            if on is not parent and isinstance(on, GraphQLObjectType):
                by_type[on.name] = by_type.get(on.name, 0) + inner
            else:
                total += inner
        return total + max(by_type.values(), default=0)

    def _fragment(self, node: Any, parent: Any) -> tuple[int, Any]:
        assert isinstance(node, InlineFragmentNode | FragmentSpreadNode)
        target = node if isinstance(node, InlineFragmentNode) else self.fragments[node.name.value]
        condition = target.type_condition
        on = self.schema.type_map[condition.name.value] if condition else parent
        return self.selected(target.selection_set, on), on

    def _field(self, node: FieldNode, parent: Any) -> int:
        name = node.name.value
        if name.startswith("__"):
            return 1
        shape = parent.fields[name]
        within = self.selected(node.selection_set, get_named_type(shape.type)) if node.selection_set else 0
        arguments = {
            each.name.value: value_from_ast_untyped(each.value, self.variables)
            for each in node.arguments or ()
        }
        filtered = _FILTER * operators(arguments.get("filter"))
        sorted_ = _ORDER * _length(arguments.get("orderBy"))
        match shape.extensions.get("cost"):
            case "collection":
                first = arguments.get("first")
                return 100 + filtered + sorted_ + (first if isinstance(first, int) else PAGE) * within
            case "meta":
                return 1_000 + filtered + within
            case "record":
                return 1 + filtered + sorted_ + within
            case "link":
                return 10 + within
            case "links":
                return 10 + 5 * within
        return 1 + within


def operators(value: Any) -> int:
    """How many operators a filter has: `{id: {in: [...]}}` has one."""
    if isinstance(value, list):
        return sum(map(operators, value))
    if not isinstance(value, Mapping):
        return 0
    return sum(
        operators(condition) if name in ("AND", "OR") else len(condition or ())
        for name, condition in value.items()
    )


def _length(orders: Any) -> int:
    if orders is None:
        return 0
    return len(orders) if isinstance(orders, list) else 1
