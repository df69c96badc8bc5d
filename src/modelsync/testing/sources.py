"""What every source must do: pytest classes to subclass, one test for each rule.

    class TestMine(SourceContract):
        def make(self, rows):
            return MySource(server_that_holds(rows), batch_rows=self.batch_rows)

`SourceContract` is for all. Take `OmittedCells` too where a record may lack a column that others
have, and `BrokenRows` where a row can be unreadable while those around it are fine.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from modelsync.core.ports import Extent, Source
from modelsync.core.records import OMITTED, Batch

Row = dict[str, object]


class SourceContract:
    """The rules for every source.

    Declare what yours is: `batch_rows` is the most records a batch may have, as `make` asks for it
    (None where a source cannot be asked); `is_text` whether its cells are texts of values;
    `keeps_types` whether a number comes as a number and None as None; `resumes` whether its batches
    have cursors. `texts` are what the suite fills text columns with: replace them where your system
    cannot hold one of them.
    """

    batch_rows: int | None = 4
    is_text: bool = False
    keeps_types: bool = True
    resumes: bool = True
    texts: ClassVar[Sequence[str]] = (
        "plain",
        "Käse, \"jung\"; 1 kg | 'rund'",
        " spaces around ",
        "two\nlines",
        "東京 \u2028 🐘",
        "007",
        "tab\there",
        "NULL",
    )

    @abstractmethod
    def make(self, rows: list[Row]) -> Source:
        """A source of these rows: they all have the columns `sku`, `name`, `amount` and `note`."""

    def again(self, source: Source) -> Source:
        """The same source as another process would make it; override it where there is such a thing."""
        return source

    def expected(self, value: object) -> object:
        """What a value of a row comes out as."""
        if self.keeps_types:
            return value
        return "" if value is None else str(value)

    # -- the rules ---------------------------------------------------------------------------

    def test_every_row_comes_once_and_in_order(self) -> None:
        """Nothing is lost, doubled or moved, at any number of rows around the size of a batch."""
        for count in (1, 3, 4, 5, 8, 11):
            rows = self.rows(count)
            self.check_same(rows_of(list(self.make(rows).read(None))), rows)

    def test_reading_twice_gives_the_same(self) -> None:
        """A run may read its source in several passes."""
        source = self.make(self.rows(11))
        first, second = list(source.read(None)), list(source.read(None))
        assert rows_of(first) == rows_of(second)
        assert [batch.start for batch in first] == [batch.start for batch in second]

    def test_reading_may_stop_early(self) -> None:
        """Whoever has seen enough stops, and the next reading starts from the beginning again."""
        rows = self.rows(11)
        source = self.make(rows)
        batches = source.read(None)
        next(batches)
        close = getattr(batches, "close", None)
        if close is not None:
            close()
        del batches
        self.check_same(rows_of(list(source.read(None))), rows)

    def test_ordinals_run_on_without_gaps(self) -> None:
        """Each batch starts where the one before it ended, the first at 0."""
        check_ordinals(list(self.make(self.rows(11)).read(None)))

    def test_rows_have_a_cell_for_each_column(self) -> None:
        """A batch is a table: as many cells in each row as there are columns, each name once."""
        for batch in self.make(self.rows(11)).read(None):
            assert len(set(batch.columns)) == len(batch.columns), f"doubled column in {batch.columns}"
            assert {len(row) for row in batch.rows} == {len(batch.columns)}, "rows of another width"

    def test_batches_are_no_larger_than_asked_for(self) -> None:
        """Memory is bounded by the size of a batch."""
        sizes = [len(batch) + len(batch.broken) for batch in self.make(self.rows(11)).read(None)]
        assert all(sizes), f"a batch without records: {sizes}"
        if self.batch_rows is not None:
            assert max(sizes) <= self.batch_rows, f"batches of {sizes}, {self.batch_rows} were asked for"

    def test_resuming_gives_exactly_the_rest(self) -> None:
        """After any batch's cursor come all that followed it, with the same ordinals and origins."""
        source = self.make(self.rows(11))
        batches = list(source.read(None))
        for number, batch in enumerate(batches, 1):
            if not self.resumes:
                assert batch.after is None, "it declares that it does not resume"
                continue
            assert batch.after is not None, "a batch without a cursor"
            rest = list(self.again(source).read(json.loads(json.dumps(batch.after))))
            assert rows_of(rest) == rows_of(batches[number:])
            assert [each.start for each in rest] == [each.start for each in batches[number:]]
            assert places_of(rest) == places_of(batches[number:])

    def test_cursors_are_plain_json(self) -> None:
        """A cursor is kept in the database and comes back as it was."""
        for batch in self.make(self.rows(11)).read(None):
            assert json.loads(json.dumps(batch.after)) == batch.after

    def test_origins_name_the_source_and_rise(self) -> None:
        """A person finds each record again: the origin says which source, and where in it."""
        source = self.make(self.rows(11))
        name = getattr(source, "name", None)
        last: dict[str, int] = {}
        for batch in source.read(None):
            for index in range(len(batch)):
                origin = batch.places(index)
                assert origin.source, "an origin without a name"
                assert name is None or origin.source == name, f"{origin.source} is not {name}"
                if origin.place is not None:
                    assert origin.place > last.get(origin.source, 0), f"{origin} does not come after"
                    last[origin.source] = origin.place

    def test_nothing_gives_no_records(self) -> None:
        """A source that holds nothing is no error; the engine and its guard decide what it means."""
        assert rows_of(list(self.make([]).read(None))) == []

    def test_the_extent_is_declared(self) -> None:
        """Only a complete source may imply deletes, so each says whether it is one."""
        assert isinstance(self.make(self.rows(1)).extent, Extent)

    def test_it_says_whether_cells_are_texts(self) -> None:
        """Texts of values are converted by other rules than values."""
        assert {batch.is_text for batch in self.make(self.rows(5)).read(None)} == {self.is_text}

    def test_progress_rises_to_the_end(self) -> None:
        """Where progress is told, it goes from 0 to 1 and never back."""
        source = self.make(self.rows(11))
        fraction = getattr(source, "fraction", None)
        if fraction is None:
            return
        told = [fraction() for _ in source.read(None)]
        if None not in told:
            assert told == sorted(told), f"it went back: {told}"
            assert 0 <= told[0] <= told[-1] <= 1, f"not between 0 and 1: {told}"

    # -- what the rules are checked with -----------------------------------------------------

    def rows(self, count: int) -> list[Row]:
        """So many rows, no two alike, with the texts of `texts`, numbers and None."""
        return [
            {
                "sku": f"A{number:03}",
                "name": self.texts[number % len(self.texts)],
                "amount": number * 10**number,
                "note": None if number % 3 else f"note {number}",
            }
            for number in range(count)
        ]

    def check_same(self, came: list[Row], rows: list[Row]) -> None:
        """The rows came, value for value and type for type."""
        wanted = [{name: self.expected(value) for name, value in row.items()} for row in rows]
        assert came == wanted
        if self.keeps_types:
            types = [
                [type(row[name]) for name in wanted_row] for row, wanted_row in zip(came, wanted, strict=True)
            ]
            assert types == [[type(value) for value in row.values()] for row in wanted]


class OmittedCells(SourceContract):
    """For sources whose records need not all have the same columns."""

    def test_what_a_record_lacks_is_omitted(self) -> None:
        """A field that was not sent is no null: it comes as OMITTED, and null as None."""
        rows = self.rows(9)
        del rows[1]["note"]
        rows[2]["note"] = None
        del rows[7]["amount"]
        came = list(self.make(rows).read(None))
        check_ordinals(came)
        self.check_same(rows_of(came), rows)

    def test_the_order_of_the_fields_does_not_matter(self) -> None:
        """Fields are found by their names."""
        rows = self.rows(6)
        rows[3] = dict(reversed(rows[3].items()))
        self.check_same(rows_of(list(self.make(rows).read(None))), rows)


class BrokenRows(SourceContract):
    """For sources of which a row can be unreadable."""

    @abstractmethod
    def make_broken(self, rows: list[Row], bad: Sequence[int]) -> Source:
        """A source of these rows, in which those at the indexes `bad` cannot be read."""

    def test_a_broken_row_does_not_hide_the_others(self) -> None:
        """All others come, and the broken one is told with its place and the reason."""
        rows = self.rows(11)
        for bad in ([0], [5], [10], [3, 4], list(range(11))):
            batches = list(self.make_broken(rows, bad).read(None))
            check_ordinals(batches)
            self.check_same(rows_of(batches), [row for i, row in enumerate(rows) if i not in bad])
            broken = [each for batch in batches for each in batch.broken]
            assert len(broken) == len(bad)
            assert all(each.reason and each.origin.source for each in broken)
            places = [each.origin.place for each in broken if each.origin.place is not None]
            assert places == sorted(places)

    def test_resuming_counts_broken_rows(self) -> None:
        """A cursor stands behind the broken rows of its batch: they are told once."""
        source = self.make_broken(self.rows(11), [3, 6])
        batches = list(source.read(None))
        for number, batch in enumerate(batches, 1):
            rest = list(self.again(source).read(batch.after)) if batch.after is not None else batches[number:]
            assert rows_of(rest) == rows_of(batches[number:])
            assert [b.broken for b in rest] == [b.broken for b in batches[number:]]


def rows_of(batches: Sequence[Batch]) -> list[Row]:
    """The records as mappings, without the cells that were omitted."""
    return [
        {name: cell for name, cell in zip(batch.columns, row, strict=True) if cell is not OMITTED}
        for batch in batches
        for row in batch.rows
    ]


def places_of(batches: Sequence[Batch]) -> list[str]:
    """The origins of all records, as a person reads them."""
    return [str(batch.places(index)) for batch in batches for index in range(len(batch))]


def check_ordinals(batches: Sequence[Batch]) -> None:
    """Rows are numbered from each batch's start, broken ones after them, and batches follow on."""
    following = 0
    for batch in batches:
        assert batch.start == following, f"a batch starts at {batch.start}, not at {following}"
        numbers = [each.number for each in batch.broken]
        first = batch.start + len(batch.rows)
        assert numbers == list(range(first, first + len(numbers))), f"broken rows are numbered {numbers}"
        following = first + len(numbers)
