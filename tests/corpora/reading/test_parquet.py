"""Parquet: every row is read once for any slices, and a damaged file is refused."""

import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora.errors import BadInput
from corpora.reading import SLICE, File, Kind, Lost, Parquet, Record

PARQUET = Kind("parquet")


def write_file(path: Path, data: bytes) -> File:
    path.write_bytes(data)
    return File(str(path), path.name, len(data))


def rows(format_: Parquet, file: File) -> list[Record | Lost]:
    return [row for part in format_.slices(file, PARQUET) for row in format_.rows(part)]


def parquet(path: Path, table: pa.Table, **options: object) -> File:
    pq.write_table(table, path, write_page_checksum=True, **options)
    return File(str(path), path.name, path.stat().st_size)


def test_a_file_is_split_by_rows_and_every_row_is_read_once(tmp_path: Path) -> None:
    rng = random.Random(3)
    texts = [rng.randbytes(15_000).hex() for _ in range(4000)]  # 120 MB
    table = pa.table({"text": texts, "number": range(4000)})
    for rows_in_group in (4000, 100):
        file = parquet(tmp_path / "a.parquet", table, row_group_size=rows_in_group, compression="none")
        format_ = Parquet("text", ("number",))
        parts = list(format_.slices(file, PARQUET))
        assert len(parts) in (4, 5)
        assert max(part.bytes for part in parts) <= SLICE
        numbers = [row.value["number"] for part in parts for row in format_.rows(part) if isinstance(row, Record)]
        assert numbers == list(range(4000))
        assert next(row.key for row in format_.rows(parts[1])) == parts[1].start


def test_a_row_group_has_the_same_records_read_whole_or_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["نص", "", None, "a" * 5000, *(f"نص رقم {number}" for number in range(3000))]
    file = parquet(tmp_path / "a.parquet", pa.table({"text": texts, "number": range(3004)}))
    records = {}
    for whole in (0, 1 << 30):
        monkeypatch.setattr("corpora.reading.parquet.BATCH_BYTES", 1000)
        monkeypatch.setattr("corpora.reading.parquet.WHOLE", whole)
        records[whole] = rows(Parquet("text"), file)
    assert records[0] == records[1 << 30]
    assert [row.value for row in records[0]] == [{"text": text, "number": n} for n, text in enumerate(texts)]


@pytest.mark.fault(16)
def test_arrow_holds_no_book_while_its_record_is_processed(tmp_path: Path) -> None:
    """The text is in a dictionary page, as pyarrow writes it; other texts refer to it."""
    book = "كتاب طويل " * 2_200_000  # 40 MB
    texts = [f"نص رقم {number}" for number in range(200)]
    for repeated in (1, 4):  # 160 MB are more than is read at once
        table = pa.table({"text": [*texts, *[book] * repeated, "نص"]})
        file = parquet(tmp_path / "a.parquet", table, compression="none", dictionary_pagesize_limit=1 << 30)
        del table
        read, held, before, format_ = [], [], pa.total_allocated_bytes(), Parquet("text")
        for record in (row for part in format_.slices(file, PARQUET) for row in format_.rows(part)):
            assert isinstance(record, Record)
            read.append(record.value["text"])
            held.append(pa.total_allocated_bytes() - before)
        assert read == [*texts, *[book] * repeated, "نص"]
        assert held[200] < (1 << 20 if repeated == 1 else 160 << 20)


def test_a_record_has_the_number_of_bytes_of_its_text(tmp_path: Path) -> None:
    texts = ["نص", "", None, "😯"]
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        file = parquet(tmp_path / "a.parquet", pa.table({"text": pa.array(texts, pa.string()).cast(kind)}))
        records = rows(Parquet("text"), file)
        assert [row.value["text"] for row in records] == texts
        assert all(row.size == len(row.text.encode()) for row in records if row.text is not None)
    file = parquet(tmp_path / "b.parquet", pa.table({"text": [1, 2], "other": ["a", "b"]}))
    assert [(row.text, row.value["text"]) for row in rows(Parquet("text"), file)] == [(None, 1), (None, 2)]


@pytest.mark.fault(9)
def test_a_truncated_parquet_is_refused(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", pa.table({"text": ["نص"] * 1000}))
    data = Path(file.path).read_bytes()
    for size in (5, len(data) // 2, len(data) - 4, len(data) - 1):
        with pytest.raises(BadInput, match=r"truncated\.parquet"):
            rows(Parquet("text"), write_file(tmp_path / "truncated.parquet", data[:size]))


@pytest.mark.fault(10)
def test_a_flipped_bit_in_a_checksummed_page_is_refused(tmp_path: Path) -> None:
    texts = [f"نص رقم {number}" for number in range(5000)]
    file = parquet(tmp_path / "a.parquet", pa.table({"text": texts}), compression="none", use_dictionary=False)
    data = bytearray(Path(file.path).read_bytes())
    data[data.index("رقم 2500".encode())] ^= 1
    with pytest.raises(BadInput, match=r"b\.parquet.*damaged.*; fetch it again"):
        rows(Parquet("text"), write_file(tmp_path / "b.parquet", bytes(data)))


@pytest.mark.fault(42)
@pytest.mark.parametrize("nested", [b"\x19", b"\x1c"], ids=["lists", "structs"])
def test_a_page_header_nested_without_end_is_refused(tmp_path: Path, nested: bytes) -> None:
    table = pa.table({"text": ["كتاب " * 2000]})
    file = parquet(tmp_path / "a.parquet", table, compression="none", use_dictionary=False)
    data = Path(file.path).read_bytes()
    with pytest.raises(BadInput, match=r"b\.parquet.*damaged.*; fetch it again"):
        rows(Parquet("text"), write_file(tmp_path / "b.parquet", data[:4] + nested * 4000 + data[4004:]))


_FLIP = """
import sys
from pathlib import Path

from corpora.errors import BadInput
from corpora.reading import File, Kind, Parquet

path = Path(sys.argv[1])
sound = path.read_bytes()
footer = range(len(sound) - 8 - int.from_bytes(sound[-8:-4], "little"), len(sound) - 8)
refused = 0
for bit in range(8 * footer.start, 8 * footer.stop):
    flipped = bytearray(sound)
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    try:
        for part in Parquet("text").slices(File(str(path), path.name, len(flipped)), Kind("parquet")):
            list(Parquet("text").rows(part))
    except BadInput:
        refused += 1
print(refused)
"""


@pytest.mark.fault(42)
def test_no_flipped_bit_of_a_footer_ends_the_process(tmp_path: Path) -> None:
    nested = pa.array([[["ا"], []], []], pa.list_(pa.list_(pa.string())))
    table = pa.table({"text": ["سلام", "ب"], "more": nested})
    file = parquet(tmp_path / "a.parquet", table, compression="zstd", store_schema=False)
    done = subprocess.run([sys.executable, "-c", _FLIP, file.path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


@pytest.mark.fault(42)
def test_columns_nested_without_end_are_refused(tmp_path: Path) -> None:
    element = b"\x35\x02\x18\x01a\x15\x02\x00"  # an optional column that contains one column
    schema = b"\x19\xfc" + b"\xe8\x07" + element * 1000
    footer = b"\x15\x02" + schema + b"\x16\x00\x19\x0c\x00"
    data = b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"
    with pytest.raises(BadInput, match=r"b\.parquet.*damaged.*; fetch it again"):
        rows(Parquet("text"), write_file(tmp_path / "b.parquet", data))


@pytest.mark.fault(11)
def test_only_a_row_that_is_not_utf8_is_lost(tmp_path: Path) -> None:
    values = pa.array([b"one", b"\xff\xfe", "ثلاثة".encode()], pa.binary())
    text = pa.StringArray.from_buffers(3, values.buffers()[1], values.buffers()[2])
    file = parquet(tmp_path / "a.parquet", pa.table({"text": text}))
    records = rows(Parquet("text"), file)
    assert [row.value["text"] if isinstance(row, Record) else row.reason for row in records] == [
        "one",
        "invalid UTF-8",
        "ثلاثة",
    ]
