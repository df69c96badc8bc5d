"""What is asked of the records of a model: the same selection for all, and one for each other language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from modelsync.dato.datocms.schema import Root
from modelsync.dato.datocms.selection import Selection

Record: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is read of the records of a model.

    Args:
        root: where they are.
        selection: what is selected in the default language.
        locale: that language; None for a CMS without any.
        translated: what is selected in the other languages; None for nothing.
        locales: these languages.
    """

    root: Root
    selection: Selection
    locale: str | None = None
    translated: Selection | None = None
    locales: tuple[str, ...] = ()

    def stamps(self) -> Wanted:
        """What tells whether any of it has changed."""
        translated = self.translated.stamps() if self.translated else None
        return replace(self, selection=self.selection.stamps(), translated=translated)

    def parts(self) -> Iterator[tuple[str, str | None, Selection]]:
        """Alias, language and selection of each part of a query; the default language comes first."""
        yield "base", self.locale, self.selection
        for number, locale in enumerate(self.locales):
            assert self.translated
            yield f"in{number}", locale, self.translated

    def query(self, arguments: str = "", suffix: str = "") -> str:
        """The parts as GraphQL has them, with arguments of the root field, and a suffix to their aliases."""
        return " ".join(
            f"{alias}{suffix}: {self.root.field}{_given(locale, arguments)} {selection.text()}"
            for alias, locale, selection in self.parts()
        )

    def records(self, data: Mapping[str, Any], suffix: str = "") -> dict[str | None, dict[str, Record]]:
        """The records of an answer by language and id, with the API's own names; None is the default one."""
        found: dict[str | None, dict[str, Record]] = {}
        for number, (alias, locale, selection) in enumerate(self.parts()):
            said = selection.plain(data[f"{alias}{suffix}"])
            some = [said] if isinstance(said, Mapping) else said or []
            found[locale if number else None] = {each["id"]: each for each in some}
        return found


def _given(locale: str | None, arguments: str) -> str:
    given = ", ".join(each for each in (f"locale: {locale}" if locale else "", arguments) if each)
    return f"({given})" if given else ""
