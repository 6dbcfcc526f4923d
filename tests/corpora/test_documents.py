"""Parquet of documents: written documents are read back, output is deterministic, every flipped bit is detected."""

import contextlib
import io
import random
from collections.abc import Callable

import pyarrow.parquet as pq
import pytest
from datatrove.data import Document

from corpora import documents
from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput


def document(number: int, text: str) -> Document:
    columns = {"source": "test", "category": "arabic", "language": "arb_Arab", "license": "MIT", "url": "", "date": ""}
    return Document(text=text, id=f"test/{number}", metadata={**columns, "metadata": {"b": number, "a": "ن"}})


def written(texts: list[str], longest: int = documents.LONGEST_TEXT) -> tuple[bytes, DocumentCounter]:
    file, counter = io.BytesIO(), DocumentCounter()
    for text in texts:
        counter.count_input(len(text.encode()), len(text))
    documents.write_documents((document(n, text) for n, text in enumerate(texts)), file, counter, longest=longest)
    return file.getvalue(), counter


TEXTS = [f"نص رقم {number} " * 50 for number in range(300)]


def test_written_documents_are_read_back_and_counted() -> None:
    data, counter = written(TEXTS)
    table = documents.read_documents(data)
    assert table.schema.equals(documents.SCHEMA)
    assert table["text"].to_pylist() == TEXTS
    assert table["id"].to_pylist()[7] == "test/7"
    assert table["metadata"].to_pylist()[7] == '{"a": "ن", "b": 7}'
    assert documents.read_documents(data, ["id"]).column_names == ["id"]
    assert sum(group.num_rows for group in documents.row_groups(data, ["id"])) == 300
    assert counter.balanced
    sizes = {"documents": 300, "bytes": sum(len(text.encode()) for text in TEXTS), "chars": sum(map(len, TEXTS))}
    assert counter.strata == {"test arb_Arab arabic": sizes}


def test_equal_documents_give_equal_bytes() -> None:
    assert written(TEXTS)[0] == written(TEXTS)[0]


def test_row_groups_are_bounded_by_bytes_not_by_rows() -> None:
    data, _ = written(["ن" * 1_500_000] * 7 + ["short"] * 5)
    metadata = pq.ParquetFile(io.BytesIO(data)).metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [2, 2, 2, 6]
    table, again = documents.read_documents(data), io.BytesIO()
    documents.write_table(table, again)
    assert again.getvalue() == data


@pytest.mark.fault(16)
def test_a_text_that_is_too_long_for_a_page_is_dropped_and_counted() -> None:
    data, counter = written(["a" * 100, "b" * 101, "c"], longest=100)
    assert documents.read_documents(data)["id"].to_pylist() == ["test/0", "test/2"]
    assert counter.balanced
    assert counter.dropped["bytes"] == {"text over 0 MiB": 101}


@pytest.mark.fault(10)
def test_every_flipped_bit_is_refused_or_harmless(record_property: Callable[[str, object], None]) -> None:
    data, _ = written(TEXTS)
    record_property("times", 200)
    rng = random.Random(5)
    for _ in range(200):
        flipped = bytearray(data)
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        with contextlib.suppress(BadInput):
            # A flip outside the pages, in the metadata of the file, does not change the texts; the seal detects it.
            assert documents.read_documents(bytes(flipped))["text"].to_pylist() == TEXTS


@pytest.mark.fault(14)
def test_a_part_without_documents_is_valid() -> None:
    assert documents.read_documents(written([])[0]).num_rows == 0


@pytest.mark.fault(9)
def test_a_truncated_part_is_refused() -> None:
    data, _ = written(TEXTS)
    with pytest.raises(BadInput, match=r"part-00000\.parquet: is damaged"):
        documents.read_documents(data[: len(data) // 2], name="part-00000.parquet")
