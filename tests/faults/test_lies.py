"""Files that lie about sizes are refused in one sentence, in bounded memory, before they cost anything."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora.errors import BadInput
from corpora.reading import File, Kind, Lost, Parquet, Record, check_sizes
from sharding.errors import InputError
from sharding.packing import IdRange, import_ids

MEMORY = 700 << 20
"""Bytes of Arrow: the largest row group that is read at once, and its copies."""


def file_of(path: Path) -> File:
    return File(str(path), path.name, path.stat().st_size)


def rows(path: Path, text: str = "text") -> Iterator[Record | Lost]:
    format_ = Parquet(text)
    for part in format_.slices(file_of(path), Kind("parquet")):
        yield from format_.rows(part)


def varint(number: int) -> bytes:
    """A number as a footer has it: zigzag, seven bits a byte."""
    number <<= 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def lie(path: Path, truth: int, claim: int) -> None:
    """Write another number into the footer, wherever `truth` is in it."""
    data = path.read_bytes()
    length = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - length : -8]
    assert varint(truth) in footer
    footer = footer.replace(varint(truth), varint(claim))
    path.write_bytes(data[: -8 - length] + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def a_dictionary_of_one_large_text(path: Path) -> None:
    texts = pa.DictionaryArray.from_arrays(pa.array(np.zeros(5000, np.int32)), pa.array(["a" * (10 << 20)]))
    pq.write_table(pa.table({"text": texts}), path, compression="zstd", dictionary_pagesize_limit=1 << 30)


def a_page_of_one_letter(path: Path) -> None:
    pq.write_table(pa.table({"text": ["a" * (100 << 20)]}), path, compression="zstd", use_dictionary=False)


def one_list_of_one_number(path: Path) -> None:
    values = pa.array(np.zeros(10 << 20, np.int64))
    lists = pa.ListArray.from_arrays(pa.array([0, len(values)], pa.int32()), values)
    pq.write_table(pa.table({"text": lists}), path, compression="zstd")


def texts_that_repeat_their_beginning(path: Path) -> None:
    texts = [f"{'a' * (1 << 20)}{number}" for number in range(100)]
    pq.write_table(
        pa.table({"text": texts}),
        path,
        compression="zstd",
        use_dictionary=False,
        column_encoding={"text": "DELTA_BYTE_ARRAY"},
    )


@pytest.mark.fault(42)
@pytest.mark.parametrize(
    "write",
    [
        a_dictionary_of_one_large_text,
        a_page_of_one_letter,
        one_list_of_one_number,
        texts_that_repeat_their_beginning,
    ],
)
def test_a_parquet_file_that_expands_without_end_is_refused_in_bounded_memory(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "a.parquet"
    write(path)
    assert path.stat().st_size < 1 << 20
    code = (
        "import sys, pyarrow; from pathlib import Path; from faults.test_lies import rows\n"
        "try:\n    sum(1 for _ in rows(Path(sys.argv[1])))\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
        "print(pyarrow.default_memory_pool().max_memory())"
    )
    tests = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={"PYTHONPATH": f"{tests}:{tests.parent}", "PATH": ""},
        capture_output=True,
        text=True,
    )
    message, memory = done.stdout.splitlines()
    assert message.startswith(f"BadInput {path}")
    assert "expands more than" in message
    assert int(memory) < MEMORY


@pytest.mark.fault(42)
@pytest.mark.parametrize("claim", [10**18, 1 << 40, 1, 0])
def test_a_footer_that_lies_about_rows_is_refused(tmp_path: Path, claim: int) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"نص {n}" for n in range(12_345)], "n": range(12_345)}), path)
    lie(path, 12_345, claim)
    if claim == 0:
        assert list(rows(path)) == []  # no row is promised, and none is made up
    else:
        with pytest.raises(BadInput, match=r"a\.parquet"):
            list(rows(path))


@pytest.mark.fault(42)
@pytest.mark.parametrize("claim", [10**18, 1])
def test_a_footer_that_lies_about_bytes_is_refused_or_not_believed(tmp_path: Path, claim: int) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"نص {n}" for n in range(12_345)]}), path, compression="zstd")
    column = pq.read_metadata(path).row_group(0).column(0)
    lie(path, column.total_uncompressed_size, claim)
    if claim == 1:
        assert len(list(rows(path))) == 12_345
    else:
        with pytest.raises(BadInput, match="expands more than"):
            list(rows(path))
    pq.write_table(pa.table({"text": [f"نص {n}" for n in range(12_345)]}), path, compression="zstd")
    lie(path, column.total_compressed_size, 10**18 if claim > 1 else 1)
    with pytest.raises(BadInput, match=r"a\.parquet"):
        list(rows(path))


@pytest.mark.fault(42)
def test_files_of_ids_that_lie_about_sizes_are_refused(tmp_path: Path) -> None:
    ones = np.ones(1000, np.int32)
    vocabulary = IdRange(1000, None, None, ones, ones)

    class Nowhere:
        def write(self, data: object) -> int:
            return 0

    for shape in ((10**18,), (10**18, 10**18), (10**9, 0), (10**9, 4), (-1, 5), (2, 2, 2)):
        path = tmp_path / "a.npy"
        np.save(path, np.zeros(4, np.uint16))
        data = path.read_bytes()
        header = f"{{'descr': '<u2', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
        path.write_bytes(data[:8] + len(header).to_bytes(2, "little") + header + bytes(8))
        with pytest.raises(InputError, match=r"a\.npy"):
            import_ids(path, vocabulary, {"source": "x"}, Nowhere())  # type: ignore[arg-type]
    path = tmp_path / "a.parquet"
    one_list_of_one_number(path)
    with pytest.raises(BadInput, match="expands more than"):
        check_sizes(file_of(path))


@pytest.mark.fault(42)
def test_ordinary_files_of_every_writer_option_pass(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": [f"نص رقم {number} " * 20 for number in range(3000)],
            "tags": [["a", "b"] * (number % 5) for number in range(3000)],
            "about": [{"score": number / 7, "names": [f"n{number}"]} for number in range(3000)],
            "kind": pa.array(["web", None, "book"] * 1000).dictionary_encode(),
            "none": pa.nulls(3000),
            "flag": [True, False, None] * 1000,
            "id": pa.array([number.to_bytes(16, "big") for number in range(3000)], pa.binary(16)),
        }
    )
    path = tmp_path / "a.parquet"
    for options in (
        {"compression": "none"},
        {"compression": "gzip", "data_page_version": "2.0"},
        {"compression": "snappy", "row_group_size": 70},
        {"compression": "brotli", "use_dictionary": False, "data_page_size": 1000},
        {"compression": "lz4", "dictionary_pagesize_limit": 100, "version": "1.0"},
        {"compression": "zstd", "write_page_index": True, "use_byte_stream_split": False},
    ):
        pq.write_table(table, path, **options)
        values = [row.value for row in rows(path) if isinstance(row, Record)]
        assert values == table.to_pylist(), options
        check_sizes(file_of(path))
