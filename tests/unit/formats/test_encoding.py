"""The encoding of a text: found, told, and never taken wrongly in silence."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from modelsync.core.errors import ConfigurationError, Permanent
from modelsync.sources import FileSource
from tests.unit.formats import Read, written

TEXT = "name,city\nJürgen,Köln\nZoë,Łódź\n"
ROWS = [["Jürgen", "Köln"], ["Zoë", "Łódź"]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides(tmp_path: Path, encoding: str) -> None:
    """Trap: BOM. It is no part of the first column's name, and nothing was guessed."""
    read = Read(written(tmp_path, TEXT.encode(encoding)))
    assert (read.columns, read.rows, read.notes) == (("name", "city"), ROWS, [])


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_BE, codecs.BOM_UTF16_LE])
def test_both_orders_of_utf_16_are_known(tmp_path: Path, mark: bytes) -> None:
    """Trap: UTF-16, with its mark."""
    encoding = "utf-16-be" if mark == codecs.BOM_UTF16_BE else "utf-16-le"
    assert Read(written(tmp_path, mark + TEXT.encode(encoding))).rows == ROWS


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_found(tmp_path: Path, encoding: str) -> None:
    """Trap: UTF-16 without a mark. It is known by its NUL bytes, and the user is told."""
    read = Read(written(tmp_path, TEXT.encode(encoding)))
    assert (read.columns, read.rows) == (("name", "city"), ROWS)
    assert f"it was read as {encoding}" in read.notes[0]


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig", "utf-16", "utf-16-le", "utf_32"])
@pytest.mark.parametrize("marked", [True, False])
def test_a_given_encoding_is_read_with_and_without_a_mark(
    tmp_path: Path, encoding: str, marked: bool
) -> None:
    """Trap: BOM. A mark that the user did not speak of is still no part of the first name."""
    bare = {"utf-16": "utf-16-le", "utf_32": "utf-32-le", "utf-8-sig": "utf-8"}.get(encoding, encoding)
    text = ("\ufeff" if marked else "") + '"name","city"\nJürgen,Köln\nZoë,Łódź\n'
    read = Read(written(tmp_path, text.encode(bare)), encoding=encoding)
    assert (read.columns, read.rows) == (("name", "city"), ROWS)


def test_latin_text_is_found_and_told_once(tmp_path: Path) -> None:
    """Trap: latin-1 and cp1252. The note comes once, however often the file is read."""
    path = written(tmp_path, "name,price\nJürgen,5 €\n".encode("cp1252"))
    source = FileSource(path)
    assert source.columns() == ("name", "price")
    for _ in range(2):
        assert [list(row) for batch in source.read(None) for row in batch.rows] == [["Jürgen", "5 €"]]
    assert source.notes == [f"{path} is no UTF-8; it was read as cp1252 (say --encoding if that is wrong)"]


def test_latin_text_deep_in_the_file_is_found(tmp_path: Path) -> None:
    """Trap: a byte that is no UTF-8 after megabytes of ASCII."""
    count = 400_000
    path = written(tmp_path, b"name,city\n" + b"plain,text\n" * count + "Jürgen,Köln\n".encode("latin-1"))
    read = Read(path)
    assert (len(read.rows), read.rows[-1]) == (count + 1, ["Jürgen", "Köln"])


def test_a_character_across_two_blocks_is_utf_8(tmp_path: Path) -> None:
    """Trap: encodings found block by block. A character may begin in one and end in the next."""
    for before in range((1 << 16) - 12, (1 << 16) + 2):
        read = Read(written(tmp_path, "a,b\n" + "x" * before + "🐘,y\n"))
        assert (read.rows[0][1], read.notes) == ("y", [])


def test_a_mixture_is_refused(tmp_path: Path) -> None:
    """Trap: a text that is UTF-8 only at first would be read half wrongly as anything else."""
    path = written(tmp_path, "name,city\nJürgen,Köln\n".encode() + "Zoë,x\n".encode("latin-1"))
    with pytest.raises(Permanent, match="is UTF-8 at first and then not any more"):
        Read(path)
    assert Read(path, encoding="latin-1").rows[1] == ["Zoë", "x"]


def test_a_cut_off_character_is_no_latin_text(tmp_path: Path) -> None:
    """Trap: truncated in the middle of a character."""
    with pytest.raises(Permanent, match="UTF-8 at first"):
        Read(written(tmp_path, "name\nJürgen\nKöln\nZoë".encode()[:-1]))


@pytest.mark.parametrize("filler", [0, 200_000])
def test_a_wrong_encoding_names_the_line(tmp_path: Path, filler: int) -> None:
    """Trap: wrong --encoding. The message has the line and the remedy, wherever it is."""
    content = b"name,city\r\n" + b"plain,text\r\n" * filler + "Jürgen,Köln\r\n".encode("cp1252")
    path = written(tmp_path, content)
    with pytest.raises(Permanent, match=rf"rows\.csv: line {filler + 2} is no utf-8 .*say its encoding"):
        Read(path, encoding="utf-8")


def test_utf_16_of_an_odd_length_is_refused(tmp_path: Path) -> None:
    """Trap: truncated, in UTF-16."""
    with pytest.raises(Permanent, match="line 3 is no utf-16-le"):
        Read(written(tmp_path, TEXT.encode("utf-16")[:-1]))


def test_bytes_unknown_to_cp1252_are_guessed_and_told(tmp_path: Path) -> None:
    """Trap: neither UTF-8 nor cp1252. The guess is told, and what the user says goes before it."""
    text = "имя,город\n" + "Иван Петров,Нижний Новгород\n" * 50
    path = written(tmp_path, text.encode("cp866"))
    read = Read(path)
    assert len(read.rows) == 50
    assert "rows.csv is no UTF-8; it was read as" in read.notes[0]
    assert Read(path, encoding="cp866").rows[0] == ["Иван Петров", "Нижний Новгород"]


@pytest.mark.parametrize("name", ["klingon", "hex", "rot13", "a\0b"])
def test_an_unknown_encoding_is_a_wrong_option(tmp_path: Path, name: str) -> None:
    """Trap: wrong --encoding. Python's codecs that are none of text are none here either."""
    with pytest.raises(ConfigurationError, match="there is no encoding"):
        Read(written(tmp_path, TEXT), encoding=name)
