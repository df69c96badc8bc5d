"""Form fields for secrets: what is stored is never shown, and stays when nothing is entered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django import forms

_KEEPS: Final = "Leave it blank to keep what is stored."


class SecretInput(forms.PasswordInput):
    """Blank, whatever is stored."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "new-password"}, render_value=False)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """Blank counts as nothing sent: a model form then leaves the stored value alone."""
        return not str(data.get(name) or "").strip()


class SecretLines(forms.Textarea):
    """The same with several lines."""

    def __init__(self) -> None:
        super().__init__(attrs={"autocomplete": "off", "rows": 3, "spellcheck": "false"})

    def format_value(self, value: Any) -> None:
        """Nothing."""
        return None

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """See SecretInput."""
        return not str(data.get(name) or "").strip()


class SecretField(forms.CharField):
    """One secret."""

    def __init__(self, *, label: Any = None, help_text: Any = "") -> None:
        help_text = f"{help_text} {_KEEPS}".strip()
        super().__init__(label=label, help_text=help_text, required=False, widget=self.make_widget())

    def make_widget(self) -> forms.Widget:
        """What it is entered with."""
        return SecretInput()

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether something was entered."""
        return bool(self.to_python(data))


class SecretListField(SecretField):
    """Several secrets, one a line."""

    def make_widget(self) -> forms.Widget:
        """What they are entered with."""
        return SecretLines()

    def to_python(self, value: Any) -> Any:
        """A list of them."""
        return str(value or "").split()
