"""Formats: every record is read once for any split into slices, and only a bad record is lost."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.reading import SLICE, Blocks, File, Format, JsonLines, Kind, Lost, Record, Slice, Stream
from corpora.reading.formats import even_ranges
from corpora.sources.wikipedia import WikiExtractor

STREAM = Kind("stream")


def write_file(path: Path, data: bytes) -> File:
    path.write_bytes(data)
    return File(str(path), path.name, len(data))


def rows(format_: Format, file: File, kind: Kind = STREAM) -> list[Record | Lost]:
    return [row for part in format_.slices(file, kind) for row in format_.rows(part)]


def rows_of_slices(format_: Format, file: File, splits: list[int]) -> list[Record | Lost]:
    bounds = sorted({0, file.size + 1, *(min(split, file.size) for split in splits)})
    parts = [Slice(file, STREAM, start, stop, 0) for start, stop in itertools.pairwise(bounds)]
    return [row for part in parts for row in format_.rows(part)]


@given(st.integers(0, 10**9), st.integers(0, 10**12))
def test_even_ranges_are_adjacent_and_cover_everything(total: int, size: int) -> None:
    parts = list(even_ranges(total, size)) if size // SLICE < 10_000 else []
    for (_, stop), (start, _) in itertools.pairwise(parts):
        assert stop == start
    if parts:
        assert (parts[0][0], parts[-1][1]) == (0, total)


# -- lines ------------------------------------------------------------------------------------------------


@pytest.mark.fault(11)
@pytest.mark.fault(13)
def test_only_a_bad_line_is_lost(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbf{"a": 1}\n\n{"a": \xff}\n{"a": \n   \r\n["a"]\r\n{"a": "\\ud800"}\n{"a": "\xe2\x80\xa8"}'
    records = rows(JsonLines(), write_file(tmp_path / "a", data))
    assert [row.value if isinstance(row, Record) else row.reason for row in records] == [
        {"a": 1},
        "invalid UTF-8",
        "not JSON",
        ["a"],
        "lone surrogate",
        {"a": "\u2028"},
    ]
    assert [row.key for row in records] == [data.index(mark) for mark in (b"\xef", b'{"a": \xff', b'{"a": \n')] + [
        data.index(b"["),
        data.index(b'{"a": "\\ud'),
        data.index(b'{"a": "\xe2'),
    ]


LINES = [b"", b"\r", b"a", "كلمة".encode(), b"--", b"-", b"\xff"]


@given(
    st.lists(st.sampled_from(LINES), max_size=25),
    st.lists(st.integers(0, 120), max_size=6),
    st.sampled_from([b"", b"--"]),
)
def test_every_block_is_read_once_for_any_slices(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], splits: list[int], separator: bytes
) -> None:
    file = write_file(tmp_path_factory.getbasetemp() / "blocks", b"\n".join(pieces))
    lines = pieces[:-1] if pieces and not pieces[-1] else pieces  # a line end at the end begins no line
    blocks = [
        list(group)
        for blank, group in itertools.groupby(
            (line.removesuffix(b"\r") for line in lines), lambda line: line == separator
        )
        if not blank
    ]
    expected = ["\n".join(line.decode() for line in block if line != b"\xff") for block in blocks]
    records = rows_of_slices(Blocks(separator), file, splits)
    assert [row.value for row in records if isinstance(row, Record)] == expected


ARTICLE = '<doc id="{0}" url="https://ar.wikipedia.org/wiki?curid={0}" title="ع {0}">\nع {0}\n\nنص\nآخر{1}</doc>{2}'


@given(
    st.lists(st.tuples(st.sampled_from(["", "\n"]), st.sampled_from(["", "\n", "\n\n"])), max_size=6),
    st.lists(st.integers(0, 900), max_size=6),
)
def test_every_article_is_read_once_for_any_slices(
    tmp_path_factory: pytest.TempPathFactory, ends: list[tuple[str, str]], splits: list[int]
) -> None:
    text = "".join(ARTICLE.format(number, *end) for number, end in enumerate(ends))
    records = rows_of_slices(
        WikiExtractor(), write_file(tmp_path_factory.getbasetemp() / "wiki", text.encode()), splits
    )
    assert [row.value["id"] for row in records if isinstance(row, Record)] == [str(n) for n in range(len(ends))]
    assert all(row.value["text"].endswith("نص\nآخر") for row in records if isinstance(row, Record))


def test_an_article_without_end_is_lost_with_its_reason(tmp_path: Path) -> None:
    text = 'stray\n<doc id="1" url="" title="">\na\n<doc id="2" url="" title="">\nb\n</doc>\n<doc id="3">\nc'
    records = rows(WikiExtractor(), write_file(tmp_path / "wiki", text.encode()))
    assert [row.reason if isinstance(row, Lost) else row.value["text"] for row in records] == [
        "outside <doc>",
        "no </doc>",
        "b",
        "no </doc>",
    ]


def test_a_large_file_is_split_by_its_size(tmp_path: Path) -> None:
    line = json.dumps({"text": "x" * 1000}).encode() + b"\n"
    file = write_file(tmp_path / "large.jsonl", line * (3 * SLICE // len(line)))
    parts = list(JsonLines().slices(file, STREAM))
    assert len(parts) == 3
    assert sum(1 for part in parts for _ in JsonLines().rows(part)) == file.size // len(line)


# -- whole files ------------------------------------------------------------------------------------------


def test_skip_advances_a_stream_to_an_offset(tmp_path: Path) -> None:
    import gzip

    file = write_file(tmp_path / "a.gz", gzip.compress(b"".join(b"%06d\n" % number for number in range(10_000))))
    with Stream(file, Kind("stream", "gzip")) as stream:
        stream.skip(7 * 9_999)
        assert stream.read(100) == b"009999\n"
