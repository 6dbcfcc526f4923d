"""Arrow: every row is read once in every form of a file, and a damaged or hostile file is refused in little memory."""

import contextlib
import decimal
import io
import random
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc as ipc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora.errors import BadInput
from corpora.reading import SLICE, Arrow, File, Kind, Lost, Record, sniff

ARROW = Kind("arrow")
FORMS: dict[str, Callable[..., Any]] = {"file": ipc.new_file, "stream": ipc.new_stream}


def write_file(path: Path, data: bytes) -> File:
    path.write_bytes(data)
    return File(str(path), path.name, len(data))


def encoded(
    table: pa.Table, form: str, compression: str | None = None, rows: int | None = None, **options: Any
) -> bytes:
    sink = io.BytesIO()
    with FORMS[form](sink, table.schema, options=ipc.IpcWriteOptions(compression=compression, **options)) as writer:
        writer.write_table(table, rows)
    return sink.getvalue()


def rows(format_: Arrow, file: File) -> list[Record | Lost]:
    assert sniff(file) == ARROW
    return [row for part in format_.slices(file, ARROW) for row in format_.rows(part)]


def values(format_: Arrow, file: File) -> list[Any]:
    return [row.value if isinstance(row, Record) else row.reason for row in rows(format_, file)]


TYPES: dict[str, pa.Array] = {
    "string": pa.array(["نص", "", None]),
    "large_string": pa.array(["نص", "", None], pa.large_string()),
    "string_view": pa.array(["نص طويل لا يسع في المشهد نفسه", "", None], pa.string_view()),
    "dictionary": pa.array(["نص", "آخر", "نص"]).dictionary_encode(),
    "struct": pa.array([{"a": 1, "b": ["x"]}, {"a": None, "b": None}, None]),
    "list": pa.array([["a", None], [], None]),
    "fixed list": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)),
    "map": pa.array([[("a", 1)], [], None], pa.map_(pa.string(), pa.int64())),
    "null": pa.nulls(3),
    "decimal": pa.array([decimal.Decimal("1.5"), None, None]),
    "time": pa.array([0, 1, None], pa.timestamp("us", "UTC")),
    "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef"] * 3, pa.binary(16))),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_every_row_and_every_type_is_read(tmp_path: Path, form: str, compression: str | None) -> None:
    table = pa.table({"text": ["أ", "ب", None], **TYPES})
    for rows_in_batch in (None, 2):
        file = write_file(tmp_path / "a.arrow", encoded(table, form, compression, rows_in_batch))
        assert values(Arrow("text"), file) == table.to_pylist()
        assert values(Arrow("text", ("list", "text", "absent")), file) == table.select(["text", "list"]).to_pylist()


def test_files_of_other_writers_are_read(tmp_path: Path) -> None:
    frame = pl.DataFrame({"text": ["نص طويل لا يسع في المشهد نفسه", None, "ب"], "tags": [["a"], None, []]})
    for compression in ("uncompressed", "lz4", "zstd"):
        for write in (frame.write_ipc, frame.write_ipc_stream):
            write(tmp_path / "a", compression=compression)
            file = File(str(tmp_path / "a"), "a", (tmp_path / "a").stat().st_size)
            assert values(Arrow("text"), file) == frame.to_dicts()
    for form in FORMS:  # before Arrow 0.15
        old = write_file(tmp_path / "old", encoded(pa.table({"text": ["أ"]}), form, use_legacy_format=True))
        assert [row for part in Arrow("text").slices(old, ARROW) for row in Arrow("text").rows(part)] == [
            Record(0, {"text": "أ"}, text="أ", size=2)
        ]


def test_dictionaries_that_grow_or_are_replaced_are_followed(tmp_path: Path) -> None:
    schema = pa.schema([("text", pa.dictionary(pa.int32(), pa.string()))])
    words = [["أ"], ["أ", "ب"], ["ج"], ["د", "أ"]]
    for deltas in (False, True):
        sink = io.BytesIO()
        with ipc.new_stream(sink, schema, options=ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)) as writer:
            for batch in words:
                writer.write_batch(pa.record_batch([pa.array(batch).dictionary_encode()], schema=schema))
        file = write_file(tmp_path / "a", sink.getvalue())
        assert [row["text"] for row in values(Arrow("text"), file)] == [word for batch in words for word in batch]


@pytest.mark.parametrize("form", FORMS)
def test_a_large_file_is_split_between_batches(tmp_path: Path, form: str) -> None:
    rng = random.Random(3)
    table = pa.table({"text": [rng.randbytes(15_000).hex() for _ in range(3000)], "number": range(3000)})  # 90 MB
    file = write_file(tmp_path / "a", encoded(table, form, rows=100))
    parts = list(Arrow("text").slices(file, ARROW))
    assert len(parts) in (3, 4)
    assert max(part.bytes for part in parts) <= SLICE
    numbers = [row.value["number"] for part in parts for row in Arrow("text").rows(part) if isinstance(row, Record)]
    assert numbers == list(range(3000))
    assert next(row.key for row in Arrow("text").rows(parts[1])) == parts[1].start


@given(st.lists(st.lists(st.text(max_size=5), max_size=4), max_size=5), st.sampled_from([*FORMS]), st.booleans())
def test_any_batches_give_their_rows(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[str]], form: str, packed: bool
) -> None:
    sink = io.BytesIO()
    schema = pa.schema([("text", pa.string())])
    options = ipc.IpcWriteOptions(compression="zstd" if packed else None)
    with FORMS[form](sink, schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(pa.record_batch([pa.array(batch, pa.string())], schema=schema))
    file = write_file(tmp_path_factory.getbasetemp() / "a.arrow", sink.getvalue())
    assert [row["text"] for row in values(Arrow("text"), file)] == [text for batch in batches for text in batch]


# -- damaged ----------------------------------------------------------------------------------------------


@pytest.mark.fault(9)
@pytest.mark.parametrize("form", FORMS)
def test_a_truncated_file_is_refused_wherever_it_ends(tmp_path: Path, form: str) -> None:
    data = encoded(pa.table({"text": ["نص"] * 100}), form, rows=20)
    for size in range(9, len(data), 4 if form == "file" else 8):
        with pytest.raises(BadInput, match=r"cut\.arrow"):
            list(Arrow("text").slices(write_file(tmp_path / "cut.arrow", data[:size]), ARROW))


def test_a_stream_with_bytes_after_its_end_is_refused(tmp_path: Path) -> None:
    stream = encoded(pa.table({"text": ["نص"]}), "stream")
    with pytest.raises(BadInput, match=r"a\.arrow.*bytes after its end"):
        rows(Arrow("text"), write_file(tmp_path / "a.arrow", stream + stream))


@pytest.mark.fault(10)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("compression", [None, "zstd"])
def test_a_flipped_bit_is_refused_or_changes_values_only(tmp_path: Path, form: str, compression: str | None) -> None:
    table = pa.table({"text": [f"نص {n}" for n in range(50)], "tags": [["a", "b"]] * 50, "of": [{"a": "x"}] * 50})
    table = table.append_column("kind", table["text"].dictionary_encode())
    data = encoded(table, form, compression, rows=20)
    rng = random.Random(5)
    for _ in range(200):
        flipped = bytearray(data)
        flipped[rng.randrange(16, len(data))] ^= 1 << rng.randrange(8)
        file = write_file(tmp_path / "flipped.arrow", bytes(flipped))
        with contextlib.suppress(BadInput):
            read = [row for part in Arrow("text").slices(file, ARROW) for row in Arrow("text").rows(part)]
            assert len({row.key for row in read}) == len(read)


@pytest.mark.fault(11)
def test_only_a_row_that_is_not_utf8_is_lost(tmp_path: Path) -> None:
    raw = pa.array([b"one", b"\xff\xfe", "ثلاثة".encode()], pa.binary())
    text = pa.StringArray.from_buffers(3, raw.buffers()[1], raw.buffers()[2])
    for form in FORMS:
        file = write_file(tmp_path / "a.arrow", encoded(pa.table({"text": text, "n": [1, 2, 3]}), form))
        assert values(Arrow("text"), file) == [{"text": "one", "n": 1}, "invalid UTF-8", {"text": "ثلاثة", "n": 3}]


def test_offsets_that_go_back_are_not_followed(tmp_path: Path) -> None:
    offsets = pa.py_buffer(struct.pack("<5i", 0, 100_000, 0, 100_000, 100_000))
    text = pa.StringArray.from_buffers(4, offsets, pa.py_buffer(b"a" * 100_000))
    file = write_file(tmp_path / "a.arrow", encoded(pa.table({"text": text}), "stream"))
    with pytest.raises(BadInput, match=r"a\.arrow.*damaged"):
        rows(Arrow("text"), file)


# -- hostile ----------------------------------------------------------------------------------------------

MANY = 300_000_000


def bombs() -> dict[str, bytes]:
    """Return files of some kilobytes that stand for gigabytes."""
    zeros = pa.table({"text": pa.array(["a"]), "n": [[0] * 20_000_000]})
    word = pa.table({"text": pa.DictionaryArray.from_arrays(pa.array(np.zeros(20_000, np.int8)), ["a" * 200_000])})
    views = pa.array(["a" * 50_000], pa.string_view())
    view = np.frombuffer(views.buffers()[1], np.uint8)[:16]
    many = pa.Array.from_buffers(
        pa.string_view(), 20_000, [None, pa.py_buffer(np.tile(view, 20_000).tobytes()), *views.buffers()[2:]]
    )
    nulls = pa.FixedSizeListArray.from_arrays(pa.nulls(MANY), MANY)
    return {
        "compressed zeros": encoded(zeros, "stream", "zstd"),
        "a dictionary of one long word": encoded(word, "file", "zstd"),
        "views of one long word": encoded(pa.table({"text": many}), "stream"),
        "rows of nothing": encoded(pa.table({"text": pa.nulls(MANY)}), "stream"),
        "a list of nothing": encoded(pa.table({"text": pa.array(["a"]), "n": nulls}), "stream"),
    }


@pytest.mark.fault(17)
@pytest.mark.parametrize("name", [*bombs()])
def test_a_small_file_that_stands_for_gigabytes_is_refused_in_little_memory(tmp_path: Path, name: str) -> None:
    data = bombs()[name]
    assert len(data) < 600_000
    file = write_file(tmp_path / "bomb.arrow", data)
    before = pa.default_memory_pool().bytes_allocated()
    tracemalloc.start()
    with pytest.raises(BadInput, match=r"bomb\.arrow: expands more than 200-fold"):
        rows(Arrow("text"), file)
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
    assert pa.default_memory_pool().bytes_allocated() <= before + 1_000_000


def test_a_length_that_a_buffer_does_not_have_is_not_allocated(tmp_path: Path) -> None:
    data = encoded(pa.table({"text": ["نص " * 400]}), "stream", "zstd")
    magic = b"\x28\xb5\x2f\xfd"
    declared = struct.pack("<q", len(("نص " * 400).encode())) + magic
    assert data.count(declared) == 1
    for length, reason in ((1 << 40, "expands"), (1 << 20, "damaged"), (-5, "damaged")):
        file = write_file(tmp_path / "lies.arrow", data.replace(declared, struct.pack("<q", length) + magic))
        with pytest.raises(BadInput, match=rf"lies\.arrow.*{reason}"):
            rows(Arrow("text"), file)


def test_types_that_refer_to_values_more_than_once_are_refused_by_name(tmp_path: Path) -> None:
    for array in (pa.array([["a"]], pa.list_view(pa.string())), pa.RunEndEncodedArray.from_arrays([1], ["a"])):
        file = write_file(tmp_path / "a.arrow", encoded(pa.table({"text": ["a"], "odd": array}), "stream"))
        with pytest.raises(BadInput, match=r"a\.arrow: .*column odd; write it again"):
            rows(Arrow("text"), file)
        assert values(Arrow("text", ("text",)), file) == [{"text": "a"}]
