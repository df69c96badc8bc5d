"""The delete guard: how many objects a run may remove (invariant 6)."""

from __future__ import annotations

from dataclasses import dataclass

from modelsync.core.errors import ConfigurationError, GuardError

FREE_ROWS = 10
FREE_PERCENT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """A bound on deletes: a number of rows, or a percentage of the table; neither is the default.

    The default refuses deletes implied by absence that are over 10 rows and over 10 % of the table.
    A number that is given bounds all deletes of the run.
    """

    rows: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str | int | None) -> Guard:
        """Read `100` or `25%`; raises ConfigurationError."""
        if text is None:
            return cls()
        try:
            if str(text).strip().endswith("%"):
                guard = cls(percent=float(str(text).strip()[:-1]))
            else:
                guard = cls(rows=int(text))
            if (guard.rows or 0) < 0 or not 0 <= (guard.percent or 0) <= 100:
                raise ValueError
        except ValueError:
            raise ConfigurationError(
                f"--max-deletes takes a number of rows or a percentage such as 25%, not {text!r}"
            ) from None
        return guard

    def check_missing(self, deletes: int, table: int, label: str) -> None:
        """Raise GuardError when `deletes` of the `table` rows of a model may not be implied."""
        if self.rows is not None:
            refused = deletes > self.rows
        elif self.percent is not None:
            refused = deletes * 100 > table * self.percent
        else:
            refused = deletes > FREE_ROWS and deletes * 100 > table * FREE_PERCENT
        if refused:
            raise GuardError(
                f"the input lacks {deletes} of {table} {label} objects; deleting so many is refused. "
                f"Check that the input is complete, then allow it with --max-deletes {deletes}"
            )

    def check_total(self, deletes: int) -> None:
        """Raise GuardError when a run deleted more rows than the number that was given."""
        if self.rows is not None and deletes > self.rows:
            raise GuardError(
                f"the run would delete {deletes} objects, --max-deletes allows {self.rows}; "
                f"nothing was written"
            )
