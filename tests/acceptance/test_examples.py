"""The examples stay true: their files can be made, and the demo keeps every promise."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ROWS = "2000"


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the examples' programs on SQLite, whatever this run of the tests is about."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DEMO_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, str(EXAMPLES / program), *arguments],
        env={**kept, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    """Whoever reports that the demo failed means the same files."""
    for name in ("one", "two"):
        assert run("generate.py", str(tmp_path / name), "--rows", ROWS).returncode == 0
    one, two = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")
    )
    assert one == two
    assert len(one) == 6


def test_the_files_are_as_messy_as_they_say(tmp_path: Path) -> None:
    """cp1252 that is no UTF-8, CRLF, UTF-16 with its mark, gzip."""
    run("generate.py", str(tmp_path), "--rows", ROWS)
    products = (tmp_path / "ERP_catalogue_Product.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        products.decode()
    assert "Stahlträger" in products.decode("cp1252")
    assert products.splitlines(keepends=True)[0].endswith(b"supplier=>code;category=>code\r\n")
    assert (tmp_path / "WMS_labels.tsv").read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff")
    assert (tmp_path / "WMS_catalogue_Product.ndjson.gz").read_bytes()[:2] == b"\x1f\x8b"


@pytest.mark.slow
def test_the_demo_keeps_its_promises(tmp_path: Path) -> None:
    """Every step of `make demo` does what it says, in an empty folder."""
    done = run("demo.py", "--rows", ROWS, "--folder", str(tmp_path))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "Everything was as promised" in done.stdout
    commands = [line for line in done.stdout.splitlines() if line.startswith("$ manage.py ")]
    assert [line.split()[2] for line in commands] == [
        *("migrate", "syncfiles", "syncfiles", "syncfile", "syncfile", "syncfiles"),
        *("syncfiles", "syncfile", "syncfile", "sync", "sync"),
    ]
    assert (tmp_path / "headquarters.sqlite3").exists()


@pytest.mark.slow
def test_the_demo_tells_when_a_step_fails(tmp_path: Path) -> None:
    """Files that cannot be written end it with exit status 1 and the reason."""
    (tmp_path / "incoming").write_text("a file where the folder should be")
    done = run("demo.py", "--rows", ROWS, "--folder", str(tmp_path))
    assert done.returncode != 0
    assert "Everything was as promised" not in done.stdout
