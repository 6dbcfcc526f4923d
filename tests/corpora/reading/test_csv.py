"""CSV: rows are those of Python's csv, a malformed row costs itself, and no row is merged with another."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import BadInput
from corpora.reading import Csv, File, Kind, Lost, Record
from corpora.reading.csv_format import UNREADABLE_LINE

STREAM = Kind("stream")


def rows(path: Path, data: bytes, delimiter: str = ",") -> list[Record | Lost]:
    path.write_bytes(data)
    file = File(str(path), path.name, len(data))
    return [row for part in Csv(delimiter).slices(file, STREAM) for row in Csv(delimiter).rows(part)]


def values(path: Path, text: str | bytes, delimiter: str = ",") -> list[Any]:
    """Return the last field of each record, and the reasons of rows that are lost."""
    data = text.encode() if isinstance(text, str) else text
    read = rows(path, data, delimiter)
    return [list(row.value.values())[-1] if isinstance(row, Record) else row.reason for row in read]


CELLS = st.text(st.sampled_from('ab"",;\n\t ن'), max_size=8)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=6), st.sampled_from(",;\t|"), st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_pythons_csv_writes_is_read(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]], delimiter: str, end: str
) -> None:
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([("id", "text"), *cells])
    read = rows(tmp_path_factory.getbasetemp() / "a.csv", sink.getvalue().encode(), delimiter)
    assert [tuple(row.value.values()) for row in read if isinstance(row, Record)] == cells
    assert not any(isinstance(row, Lost) for row in read)


LINES = st.sampled_from(
    ["1,a", '2,"b"', '3,"c "d" e"', '4,"open', '5,close"', '6,"f\n', 'g",7', "8", '9,""', '"10,"x"']
)


@given(st.lists(LINES, max_size=8))
def test_rows_on_one_line_are_those_of_pythons_csv_whatever_lines_stand_before_them(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    marked = [part for line in lines for part in (line, "good,row")]
    read = rows(tmp_path_factory.getbasetemp() / "a.csv", ("id,text\n" + "\n".join(marked) + "\n").encode())
    sizes = sum(row.size for row in read if isinstance(row, Lost))
    texts = "".join("".join(row.value.values()) for row in read if isinstance(row, Record))
    assert texts.count("row") + sizes // 9 >= len(lines)
    for line in lines:
        alone = list(csv.reader([line, "end"]))
        if len(alone) == 2 and len(alone[0]) == 2 and len(lines) == 1:
            assert next(row.value["text"] for row in read if isinstance(row, Record)) == alone[0][1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('1,"قال "مرحبا" ثم"\n2,ب\n', ['قال مرحبا" ثم"', "ب"]),
        ('1,"سطر\nقال "مرحبا" ثم"\n2,ب\n', ['سطر\nقال مرحبا" ثم"', "ب"]),
        ('1,"never closed\n2,b\n3,c\n', ["malformed quotes", "b", "c"]),
        ('1,"open\n2,"b"\n3,c\n', ["malformed quotes", "b", "c"]),
        ('1,a\n2,"open', ["a", "malformed quotes"]),
        ("1,a\n\n2,b\n\n\n", ["a", "b"]),
        ('1,"a\n\nb"\n', ["a\n\nb"]),
        ("1,a,x\n2\n3,c\n", ["not as many fields as the header", "not as many fields as the header", "c"]),
        ('1,"a",2,"b\n3,c"\n4,d\n', ["malformed quotes", 'c"', "d"]),
        ("1,a\r2,b\r\n3,c\n", ["a", "b", "c"]),
        ('1,a\0b\n2,"c\0"\n', ["a\0b", "c\0"]),
    ],
)
def test_a_malformed_row_costs_itself_and_inner_quotes_are_kept(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    assert values(tmp_path / "a.csv", "id,text\n" + text) == expected


def test_a_row_with_a_line_that_is_not_utf8_is_lost_whole(tmp_path: Path) -> None:
    data = '\ufeffid,text\n1,"سطر\nوآخر, ""نعم"""\n'.encode() + b'4,\xff\n5,e\n6,"f\xff\n7,g"\n8,h\n9,"\xff\n10,i\n'
    read = values(tmp_path / "a.csv", data)
    assert read == ['سطر\nوآخر, "نعم"', UNREADABLE_LINE, "e", UNREADABLE_LINE, "h", UNREADABLE_LINE, "i"]


@pytest.mark.fault(9)
def test_the_rows_before_damage_are_kept_and_keys_are_unique(tmp_path: Path) -> None:
    good = "".join(f"{number},text {number}\n" for number in range(100))
    read = rows(tmp_path / "a.csv", f'id,text\n{good}x,"open\n{good}'.encode())
    assert sum(isinstance(row, Record) for row in read) == 200
    assert [row.reason for row in read if isinstance(row, Lost)] == ["malformed quotes"]
    assert len({row.key for row in read}) == 201


def test_two_columns_of_one_name_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.csv: has 2 columns called 'text'; rename"):
        rows(tmp_path / "a.csv", b"text,id,text\n1,2,3\n")
    assert values(tmp_path / "a.csv", ",,text\n1,2,a\n") == ["a"]  # columns without a name are not asked for


def test_a_header_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    for data in (b'id,"text\n', b"id,\xff\n1,a\n"):
        with pytest.raises(BadInput, match=r"a\.csv, line 1: is not CSV"):
            rows(tmp_path / "a.csv", data)
