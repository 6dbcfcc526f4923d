"""Shamela: every letter is in the text or in a removed part, both file forms are read, damaged books are refused."""

import csv
import io
import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from corpora.errors import BadInput
from corpora.reading import File, access_tables

COLUMNS = {"Main": ("BkId", "Bk", "AD"), "b[0-9]*": ("id", "nass")}
LETTERS = re.compile(r"[\u0620-\u063f\u0641-\u064a\u0671-\u06d3]")


def letters(text: str) -> int:
    return len(LETTERS.findall(text))


def book(*pages: str, died: Any = 420, headings: tuple[int, ...] = ()) -> dict[str, Any]:
    rows = [{"id": number, "nass": nass, "page": 1, "part": 1} for number, nass in enumerate(pages, 1)]
    main = {"BkId": 7, "Bk": "كتاب", "Auth": "فلان", "AD": died, "cat": "أدب"}
    return {"Main": [main], "b7": rows[::-1], "t7": [{"id": number, "tit": ""} for number in headings]}


@pytest.fixture
def read(tmp_path: Path, ingest: Any) -> Any:
    def read(*pages: str, died: Any = 420, headings: tuple[int, ...] = (), **options: Any) -> Any:
        (tmp_path / "7.bok.json").write_text(json.dumps(book(*pages, died=died, headings=headings)))
        documents, counter = ingest("shamela", tmp_path, **options)
        return documents[0].text if documents else counter.dropped["documents"]

    return read


def test_every_letter_is_in_the_text_or_in_a_removed_part(samples: Path, ingest: Any) -> None:
    shamela = samples / "data" / "shamela"
    raw = {1: "".join(row["nass"] for row in bok(shamela)["b1"])}
    for number in (1024, 1027):
        raw[number] = "".join(pages(shamela, number))
    documents, counter = ingest("shamela", shamela)
    with_notes, _ = ingest("shamela", shamela, notes="keep")
    assert counter.balanced
    assert set(counter.dropped["chars"]) == {"footnotes", "references"}  # no "markup": every removed part has a reason
    for document, full in zip(documents, with_notes, strict=True):
        assert letters(full.text) == letters(raw[int(document.id.split("/")[1])])
        assert "_____" not in document.text
        assert "\r" not in document.text
        assert document.metadata["metadata"]["died"] < 1370
    lost = letters("".join(raw.values())) - sum(letters(document.text) for document in documents)
    footnotes = sum(
        letters(page.split("\r__________\r", 1)[1])
        for number in (1024, 1027)
        for page in pages(shamela, number)
        if "\r__________\r" in page
    )
    footnotes += sum(
        letters(row["nass"].split("\r__________", 1)[1]) for row in bok(shamela)["b1"] if "\r__________" in row["nass"]
    )
    assert lost == footnotes


def pages(shamela: Path, number: int) -> list[str]:
    tables = json.loads((shamela / "json" / f"{number}.bok.json").read_text("utf-8"))
    return [row["nass"] for row in tables[f"b{number}"]]


def bok(shamela: Path) -> dict[str, list[dict[str, Any]]]:
    path = shamela / "bok" / "0001.bok"
    return access_tables(File(str(path), path.name, path.stat().st_size), COLUMNS)


def test_every_row_of_an_access_table_is_read_and_decoded(samples: Path) -> None:
    tables = bok(samples / "data" / "shamela")
    assert {name: len(rows) for name, rows in tables.items()} == {"b1": 91, "Main": 1}
    assert len({row["id"] for row in tables["b1"]}) == 91
    assert all(LETTERS.search(row["nass"]) for row in tables["b1"])
    assert tables["Main"][0]["AD"] == 1225
    assert tables["Main"][0]["Bk"] == "الفواكه العذاب في الرد على من لم يحكم السنة والكتاب"


def test_access_rows_equal_those_of_mdbtools(samples: Path) -> None:
    program = shutil.which("mdb-export")
    if program is None:
        pytest.skip("mdbtools is not installed: apt install mdbtools")
    path = samples / "data" / "shamela" / "bok" / "0001.bok"
    for table, rows in bok(samples / "data" / "shamela").items():
        command = [program, str(path), table]
        done = subprocess.run(
            command, capture_output=True, check=True, env={**os.environ, "MDB_JET3_CHARSET": "cp1256"}
        )
        theirs = list(csv.DictReader(io.StringIO(done.stdout.decode(), newline="")))
        assert [{name: str(value) for name, value in row.items()} for row in rows] == [
            {name: their[name] for name in row} for row, their in zip(rows, theirs, strict=True)
        ]


@pytest.mark.parametrize("value", [b"BA1B687F", b"561BDBCF"])  # of the columns aSeal and seal, in the row of Main
def test_a_book_with_a_damaged_column_that_is_not_used_is_read_whole(
    samples: Path, tmp_path: Path, ingest: Any, value: bytes
) -> None:
    data = (samples / "data" / "shamela" / "bok" / "0001.bok").read_bytes()
    (tmp_path / "whole.bok").write_bytes(data)
    (whole,), _ = ingest("shamela", tmp_path)
    (tmp_path / "whole.bok").unlink()
    (tmp_path / "damaged.bok").write_bytes(longer_than_its_row(data, value))
    (document,), _ = ingest("shamela", tmp_path)
    assert document == whole


def test_a_book_with_a_damaged_column_that_is_used_is_refused(samples: Path, tmp_path: Path, ingest: Any) -> None:
    data = (samples / "data" / "shamela" / "bok" / "0001.bok").read_bytes()
    (tmp_path / "damaged.bok").write_bytes(longer_than_its_row(data, "حمد بن ناصر آل معمر".encode("cp1256")))
    with pytest.raises(BadInput, match=r"damaged\.bok: is damaged"):
        ingest("shamela", tmp_path)


def longer_than_its_row(data: bytes, value: bytes) -> bytes:
    """Return a database in whose table Main the stored length of a value exceeds the row."""
    header = len(value).to_bytes(3, "little") + b"\x80" + bytes(8)
    assert data.count(header + value) == 1
    return data.replace(header + value, b"\xff\x0f\x00\x80" + header[4:] + value)


@pytest.mark.parametrize(
    ("pages", "headings", "expected"),
    [
        (("أول\rثان بلا", "نهاية ."), (), "أول\nثان بلا نهاية ."),
        (("انتهى .", "بدأ"), (), "انتهى .\nبدأ"),
        (("قبل", "باب\rنص"), (2,), "قبل\nباب\nنص"),
        (("صدر ... عجز", "صدر ... عجز"), (), "صدر ... عجز\nصدر ... عجز"),
        (("كلام (1) ، وكلام\r__________\r(1) حاشية\r(2) أخرى", "تمام (1)"), (), "كلام، وكلام تمام (1)"),
        (("(1) صدر\r__________\r(1) حاشية",), (), "صدر"),
        (("سنة (1969) و(2)\r__________\r(2) حاشية",), (), "سنة (1969) و"),
        (("__________\r(1) حاشية وحدها", "نص"), (), "نص"),
    ],
)
def test_pages_are_joined_and_notes_are_removed(
    read: Any, pages: tuple[str, ...], headings: tuple[int, ...], expected: str
) -> None:
    assert read(*pages, headings=headings) == expected


def test_notes_are_kept_on_request(read: Any) -> None:
    assert read("نص (1)\r__________\r(1) حاشية", notes="keep") == "نص (1)\n__________\n(1) حاشية"


def test_books_of_recent_authors_or_with_unknown_year_of_death_are_dropped(read: Any) -> None:
    assert read("نص", died=1369) == "نص"
    assert read("نص", died=1370) == {"author died in 1370 AH or later": 1}
    assert read("نص", died=1369, died_before=900) == {"author died in 900 AH or later": 1}
    assert read("نص", died=99999) == {"author died in 1370 AH or later": 1}
    for unknown in (None, 0, "معاصر"):
        assert read("نص", died=unknown) == {"author's year of death unknown": 1}


@pytest.mark.fault(9)
def test_a_truncated_book_is_refused_and_a_flipped_one_is_refused_or_complete(
    samples: Path, tmp_path: Path, ingest: Any
) -> None:
    data = (samples / "data" / "shamela" / "bok" / "0001.bok").read_bytes()
    whole = ingest("shamela", samples / "data" / "shamela" / "bok")[0][0].text
    rng = random.Random(7)
    for size in (20, 100, 2048, 4096, len(data) // 2, len(data) // 2048 // 3 * 2048, len(data) - 1):
        (tmp_path / "truncated.bok").write_bytes(data[:size])
        with pytest.raises(BadInput, match=r"truncated\.bok: .*(damaged|truncated|stream|not an export)"):
            ingest("shamela", tmp_path)
    (tmp_path / "truncated.bok").unlink()
    refused = 0
    for _ in range(40):
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (tmp_path / "flipped.bok").write_bytes(flipped)
        try:
            documents = ingest("shamela", tmp_path)[0]
        except BadInput:
            refused += 1
        else:
            assert all(abs(len(document.text) - len(whole)) < 200 for document in documents)
    assert refused < 40


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{}", "no table Main"),
        ("[1]", "not an export"),
        ('{"Main": [{}]}', r"KeyError: 'BkId'"),
        ('{"Main": [{"BkId": 1}]}', r"KeyError: 'b1'"),
        ('{"Main": [', "is not JSON"),
    ],
)
def test_json_that_is_not_an_export_is_refused(tmp_path: Path, ingest: Any, content: str, reason: str) -> None:
    (tmp_path / "a.bok.json").write_text(content)
    with pytest.raises(BadInput, match=reason):
        ingest("shamela", tmp_path)


@pytest.mark.fault(19)
def test_the_error_of_another_source_for_an_access_file_names_shamela(samples: Path, ingest: Any) -> None:
    with pytest.raises(BadInput, match=r"is access, source openiti reads .* looks like a file for source shamela"):
        ingest("openiti", samples / "data" / "shamela" / "bok" / "0001.bok")
