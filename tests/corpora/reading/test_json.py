"""JSON: every record is read once in every form of JSON, in bounded memory, and only a bad record is lost."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import BadInput
from corpora.reading import File, Format, Json, JsonLines, Kind, Lost, Record
from corpora.reading.json_values import stream_values

STREAM = Kind("stream")
BOM = b"\xef\xbb\xbf"


def write_file(path: Path, data: bytes) -> File:
    path.write_bytes(data)
    return File(str(path), path.name, len(data))


def rows(format_: Format, path: Path, data: bytes) -> list[Record | Lost]:
    file = write_file(path, data)
    return [row for part in format_.slices(file, STREAM) for row in format_.rows(part)]


def values(format_: Format, path: Path, data: bytes) -> list[Any]:
    """Return the values of the records, and the reasons of those that are lost."""
    return [row.value if isinstance(row, Record) else row.reason for row in rows(format_, path, data)]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.sampled_from(['"', "\\", "[{", '"],"', ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.lists(VALUES, max_size=6),
    st.sampled_from([None, 0, 1, "\t"]),
    st.booleans(),
    st.integers(1, 40),
    st.sampled_from(["{}", '{{"a": {}}}', '{{"b": [{{"a": 3}}], "a": {}, "c": null}}', '[{{"a": {}}}]']),
)
def test_the_records_are_those_of_the_whole_value_for_any_layout_and_any_size_of_reads(
    items: list[Any], indent: int | str | None, ascii_: bool, size: int, around: str
) -> None:
    data = around.format(json.dumps(items, indent=indent, ensure_ascii=ascii_)).encode()
    stream = io.BytesIO(data)

    class Short:
        """A stream that gives a few bytes at a time."""

        def read(self, _: int) -> bytes:
            return stream.read(size)

        def tell(self) -> int:
            return stream.tell()

    records = list(stream_values(Short(), "a" if "a" in around else "", "file"))
    assert [json.loads(record) for record in records if isinstance(record, bytes)] == items


def test_records_are_read_under_a_key_at_any_depth(tmp_path: Path) -> None:
    data = {"skipped": [{"x": 1}], "data": {"items": [{"n": 1}, {"n": 2}]}, "books": [{"h": [3, 4]}, {}, {"h": [5]}]}
    encoded = json.dumps(data).encode()
    for path, expected in (
        ("data.items", [{"n": 1}, {"n": 2}]),
        ("books.h", [3, 4, 5]),
        ("*.items", [{"n": 1}, {"n": 2}]),
        ("data", [{"items": [{"n": 1}, {"n": 2}]}]),
    ):
        assert values(Json(path), tmp_path / "a.json", encoded) == expected
    two = json.dumps({"h": [1]}).encode() + b"\n" + json.dumps({"h": [2]}).encode()
    assert values(Json("h"), tmp_path / "b.json", two) == [1, 2]


def test_a_key_that_the_file_does_not_have_is_refused_with_those_that_it_has(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.json: .*'hadiths'.*ayahs, surahs.*; .*`records`"):
        rows(Json("hadiths"), tmp_path / "a.json", b'{"ayahs": [{}], "n": 1, "surahs": []}')


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        (b'{"a": \n{"a": 2}\n{"a": 3}', ["not JSON", {"a": 2}, {"a": 3}]),
        (BOM + b'\n\n{"a": 1}\n', [{"a": 1}]),
        (b'{\n "a": 1\n}', [{"a": 1}]),
        (b'{\n "a": 1\n}\n{\n "a": 2\n}\n', [{"a": 1}, {"a": 2}]),
        (BOM + b'[\n{"a": 1},\n{"a": 2}\n]\n', [{"a": 1}, {"a": 2}]),
        (b'[{"a": 1}]\n[{"a": 2}]', [{"a": 1}, {"a": 2}]),
        (b"[]", []),
        (b"{}", [{}]),
    ],
)
def test_a_json_file_holds_lines_or_an_array_or_objects(tmp_path: Path, data: bytes, expected: list[Any]) -> None:
    assert values(Json(), tmp_path / "a.json", data) == expected


def test_a_json_file_of_lines_is_split_like_json_lines(tmp_path: Path) -> None:
    line = json.dumps({"text": "x" * 100_000}).encode() + b"\n"
    file = write_file(tmp_path / "a.json", line * 700)
    assert list(Json().slices(file, STREAM)) == list(JsonLines().slices(file, STREAM))
    assert sum(1 for part in Json().slices(file, STREAM) for _ in Json().rows(part)) == 700


@pytest.mark.fault(11)
@pytest.mark.fault(12)
def test_only_a_bad_record_of_an_array_is_lost(tmp_path: Path) -> None:
    data = b'[{"a": "\\ud800"}, {"a": "\\ud83d\\ude00", "b": NaN, "c": 1e999}, {"a": "\xff"}, {"a": tru}, {"a" 1}, 7]'
    records = rows(Json(), tmp_path / "a.json", data)
    assert records == [
        Lost(0, "lone surrogate", 15),
        Record(1, {"a": "\U0001f600", "b": None, "c": None}),
        Lost(2, "invalid UTF-8", 10),
        Lost(3, "not JSON", 10),
        Lost(4, "not JSON", 7),
        Record(5, 7),
    ]


@pytest.mark.fault(9)
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'[{"a": 1}, {"a": ', "byte 17: .*truncated.*; fetch it again"),
        (b'[{"a": 1}', "truncated"),
        (b'[{"a": 1}, ', "truncated"),
        (b'[{"a": "b', "truncated"),
        (b'[{"a": [1}, {"a": 2}]', r"byte \d+: is not JSON \(\] is missing\)"),
        (b'[{"a": 1} {"a": 2}]', "byte 10: is not JSON .*comma"),
        (b"[,1]", "byte 1: is not JSON"),
        (b"]", "byte 0: is not JSON"),
        (b"[" * 3_000_000, "nested too deeply"),
    ],
)
def test_a_file_whose_structure_is_damaged_is_refused_with_the_place(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(BadInput, match=rf"a\.json, .*{reason}"):
        rows(Json(), tmp_path / "a.json", data)


@pytest.mark.parametrize("data", [b'{"a": ' * 200, b"[" * 200, b'{"a": {"a": {"a": 1}}}'])
def test_nesting_on_the_way_to_the_records_has_an_end(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(BadInput, match=r"a\.json"):
        rows(Json("a.a.a.a"), tmp_path / "a.json", data)


@pytest.mark.fault(16)
def test_memory_is_bounded_by_the_longest_record_and_a_longer_one_is_lost() -> None:
    def pieces() -> Iterator[bytes]:
        yield b'{"other": ["' + b"x" * 5_000_000 + b'"], "records": [{"text": "'
        for _ in range(20):
            yield b"y" * 1_000_000
        yield b'"}'
        for number in range(20):
            yield b', {"text": "%d", "more": ["%s"]}' % (number, b"z" * 1_000_000)
        yield b"]}"

    class Pieces:
        """A stream of many bytes that are nowhere at once."""

        def __init__(self) -> None:
            self.pieces = pieces()

        def read(self, _: int) -> bytes:
            return next(self.pieces, b"")

        def tell(self) -> int:
            return 0

    tracemalloc.start()
    kept = [len(r) if isinstance(r, bytes) else -r for r in stream_values(Pieces(), "records", "file", 2_000_000)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert kept[0] == -20_000_012
    assert len(kept) == 21
    assert min(kept[1:]) > 1_000_000
    assert peak < 20_000_000


# -- lines ------------------------------------------------------------------------------------------------


@given(st.lists(st.lists(VALUES.map(lambda value: {"a": value}), min_size=1, max_size=3), min_size=1, max_size=4))
def test_files_of_json_lines_that_were_joined_lose_no_record(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "joined.jsonl"
    for mark in (BOM, b""):
        for end in (b"\n", b"\r\n", b""):
            joined = b"".join(mark + b"\n".join(json.dumps(value).encode() for value in file) + end for file in files)
            records = rows(JsonLines(), path, joined)
            assert [row.value for row in records if isinstance(row, Record)] == [v for file in files for v in file]
            assert len({row.key for row in records}) == len(records)


@pytest.mark.parametrize(
    "line", [b'{"a": 1} x', b'{"a": 1}}', b'{"a": 1}, {"a": 2}', b'{"a": 1}{"a": ', b"1 2", b"nul"]
)
def test_a_line_that_is_not_a_run_of_objects_is_lost_once(tmp_path: Path, line: bytes) -> None:
    data = b'{"a": 0}\n' + line + b'\n{"a": 9}\n'
    assert values(JsonLines(), tmp_path / "a.jsonl", data) == [{"a": 0}, "not JSON", {"a": 9}]
