"""Parquet: every row is read once however it is cut, and a damaged file never ends early."""

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpora.errors import BadInput
from corpora.reading import SLICE, File, Kind, Lost, Parquet, Record

PARQUET = Kind("parquet")


def made(path: Path, data: bytes) -> File:
    path.write_bytes(data)
    return File(str(path), path.name, len(data))


def rows(format_: Parquet, file: File) -> list[Record | Lost]:
    return [row for part in format_.slices(file, PARQUET) for row in format_.rows(part)]


def parquet(path: Path, table: pa.Table, **options: object) -> File:
    pq.write_table(table, path, write_page_checksum=True, **options)
    return File(str(path), path.name, path.stat().st_size)


def test_parquet_is_cut_by_rows_and_every_row_read_once(tmp_path: Path) -> None:
    chance = random.Random(3)
    texts = [chance.randbytes(15_000).hex() for _ in range(4000)]  # 120 MB
    table = pa.table({"text": texts, "number": range(4000)})
    for rows_in_group in (4000, 100):
        file = parquet(tmp_path / "a.parquet", table, row_group_size=rows_in_group, compression="none")
        format_ = Parquet("text", ("number",))
        parts = list(format_.slices(file, PARQUET))
        assert len(parts) in (4, 5)
        assert max(part.bytes for part in parts) <= SLICE
        found = [row.value["number"] for part in parts for row in format_.rows(part) if isinstance(row, Record)]
        assert found == list(range(4000))
        assert next(row.key for row in format_.rows(parts[1])) == parts[1].start


def test_a_row_group_is_the_same_whole_and_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["نص", "", None, "a" * 5000, *(f"نص رقم {number}" for number in range(3000))]
    file = parquet(tmp_path / "a.parquet", pa.table({"text": texts, "number": range(3004)}))
    found = {}
    for whole in (0, 1 << 30):
        monkeypatch.setattr("corpora.reading.parquet.BATCH_BYTES", 1000)
        monkeypatch.setattr("corpora.reading.parquet.WHOLE", whole)
        found[whole] = rows(Parquet("text"), file)
    assert found[0] == found[1 << 30]
    assert [row.value for row in found[0]] == [{"text": text, "number": n} for n, text in enumerate(texts)]


def test_the_bytes_of_a_text_come_with_it(tmp_path: Path) -> None:
    texts = ["نص", "", None, "😯"]
    for kind in (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        file = parquet(tmp_path / "a.parquet", pa.table({"text": pa.array(texts, pa.string()).cast(kind)}))
        found = rows(Parquet("text"), file)
        assert [row.value["text"] for row in found] == texts
        assert all(row.size == len(row.text.encode()) for row in found if row.text is not None)
    file = parquet(tmp_path / "b.parquet", pa.table({"text": [1, 2], "other": ["a", "b"]}))
    assert [(row.text, row.value["text"]) for row in rows(Parquet("text"), file)] == [(None, 1), (None, 2)]


@pytest.mark.fault(9)
def test_a_truncated_parquet_is_refused(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", pa.table({"text": ["نص"] * 1000}))
    data = Path(file.path).read_bytes()
    for cut in (5, len(data) // 2, len(data) - 4, len(data) - 1):
        with pytest.raises(BadInput, match=r"cut\.parquet"):
            rows(Parquet("text"), made(tmp_path / "cut.parquet", data[:cut]))


@pytest.mark.fault(10)
def test_a_flipped_bit_in_a_checksummed_page_is_refused(tmp_path: Path) -> None:
    texts = [f"نص رقم {number}" for number in range(5000)]
    file = parquet(tmp_path / "a.parquet", pa.table({"text": texts}), compression="none", use_dictionary=False)
    data = bytearray(Path(file.path).read_bytes())
    data[data.index("رقم 2500".encode())] ^= 1
    with pytest.raises(BadInput, match="damaged"):
        rows(Parquet("text"), made(tmp_path / "b.parquet", bytes(data)))


@pytest.mark.fault(11)
def test_a_row_that_is_not_utf8_costs_that_row(tmp_path: Path) -> None:
    values = pa.array([b"one", b"\xff\xfe", "ثلاثة".encode()], pa.binary())
    text = pa.StringArray.from_buffers(3, values.buffers()[1], values.buffers()[2])
    file = parquet(tmp_path / "a.parquet", pa.table({"text": text}))
    found = rows(Parquet("text"), file)
    assert [row.value["text"] if isinstance(row, Record) else row.reason for row in found] == [
        "one",
        "invalid UTF-8",
        "ثلاثة",
    ]
