"""What is selected of records and blocks: fields within fields, also where blocks are of several types.

Fields of the same name may have other types in other blocks, which GraphQL does not allow in one selection.
So in a union each type's fields have aliases of their own, and `plain` takes them away again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from modelsync.core.errors import ConfigurationError
from modelsync.dato.datocms.schema import FieldInfo, Schema
from modelsync.dato.naming import field_name

_ID: Final = "id"
_TYPE: Final = "__typename"
_STAMPS: Final = ("_updatedAt", "_publishedAt", "position", "md5")


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What a path leads to: a field, of which there may be many where the way leads through lists."""

    field: FieldInfo
    is_many: bool


class Selection:
    """Fields of a type, or of the types of a union; the id is always among them, where there is one."""

    def __init__(self, schema: Schema, types: Sequence[str]) -> None:
        self.schema = schema
        self.types = tuple(types)
        self.fields: dict[str, Selection | None] = {}

    def add(self, steps: Sequence[str]) -> End:
        """Select what a path leads to, by API keys; what is found at its end.

        Of a link or a block at the end the id is selected. Raises ConfigurationError for what is not there.
        """
        info = self._info(steps[0])
        if info.is_scalar:
            if len(steps) > 1:
                raise ConfigurationError(f"{steps[0]!r} of the CMS is a value, it has no field {steps[1]!r}")
            self.fields.setdefault(info.name, None)
            return End(field=info, is_many=False)
        within = self.fields.setdefault(info.name, Selection(self.schema, info.types))
        assert within is not None
        if len(steps) == 1:
            return End(field=info, is_many=info.is_list)
        end = within.add(steps[1:])
        return replace(end, is_many=end.is_many or info.is_list)

    def stamps(self) -> Selection:
        """What tells whether anything that is selected has changed: times, places and files, at each step.

        A record's own time need not move when a block, a linked record or a file of it changes.
        """
        made = Selection(self.schema, self.types)
        for name in _STAMPS:
            if any(self.schema.has_field(each, name) for each in self.types):
                made.fields[name] = None
        for name, within in self.fields.items():
            if within is not None:
                made.fields[name] = within.stamps()
        return made

    def within(self, step: str) -> Selection:
        """What is selected of a field that has fields of its own."""
        found = self.fields[self._info(step).name]
        assert found is not None
        return found

    def text(self, types: Sequence[str] | None = None) -> str:
        """As GraphQL has it, with braces; of some of its types where a field gives no others."""
        if len(self.types) == 1:
            return f"{{ {' '.join(self._parts(self.types[0], ''))} }}"
        parts = [
            f"... on {each} {{ {' '.join(self._parts(each, _prefix(number)))} }}"
            for number, each in enumerate(self.types)
            if types is None or each in types
        ]
        return f"{{ {_TYPE} {' '.join(parts)} }}"

    def plain(self, said: Any) -> Any:
        """An answer with the API's own names; lists are lists of such."""
        if isinstance(said, list):
            return [self.plain(each) for each in said]
        if not isinstance(said, Mapping):
            return said
        found: dict[str, Any] = {}
        prefix = ""
        if len(self.types) > 1:
            found[_TYPE] = said[_TYPE]
            prefix = _prefix(self.types.index(said[_TYPE]))
        for name in (_ID, *self.fields):
            if f"{prefix}{name}" in said:
                within = self.fields.get(name)
                value = said[f"{prefix}{name}"]
                found[name] = value if within is None else within.plain(value)
        return found

    def _info(self, api_key: str) -> FieldInfo:
        """The field; of a union, that of all types that have it, with all that it may give."""
        found = [self.schema.field(each, api_key) for each in self.types if self._has(each, api_key)]
        if not found:
            return self.schema.field(self.types[0], api_key)  # says what there is
        first = found[0]
        if any((each.is_scalar, each.is_list) != (first.is_scalar, first.is_list) for each in found):
            raise ConfigurationError(
                f"{api_key!r} is not the same kind of field in {', '.join(self.types)}; "
                "sync these blocks one by one"
            )
        types = dict.fromkeys(each for info in found for each in info.types)
        return FieldInfo(
            name=first.name,
            types=first.types if first.is_scalar else tuple(types),
            is_list=first.is_list,
            is_localized=any(each.is_localized for each in found),
            is_scalar=first.is_scalar,
        )

    def _has(self, type_name: str, api_key: str) -> bool:
        return self.schema.has_field(type_name, field_name(api_key))

    def _parts(self, type_name: str, prefix: str) -> list[str]:
        names = [_ID, *(name for name in self.fields if name != _ID)]
        parts = []
        for name in names:
            if not self.schema.has_field(type_name, name):
                continue
            within = self.fields.get(name)
            alias = f"{prefix}{name}: {name}" if prefix else name
            types = self.schema.field(type_name, name).types
            parts.append(alias if within is None else f"{alias} {within.text(types)}")
        return parts or [_TYPE]


def _prefix(number: int) -> str:
    """What the aliases of a type of a union begin with."""
    return f"t{number}_"
