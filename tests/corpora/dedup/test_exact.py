"""Exact deduplication: the first of equal texts is kept, for any division of the documents into parts."""

import io
import itertools
import json

import pyarrow as pa
import pytest
from datatrove.data import Document
from hypothesis import given
from hypothesis import strategies as st

from corpora import documents
from corpora.dedup import exact as dedup
from corpora.document_counts import DocumentCounter


def part(rows: list[tuple[str, str]]) -> pa.Table:
    columns = {"source": "s", "category": "arabic", "language": "arb_Arab", "license": "", "url": "", "date": ""}
    file = io.BytesIO()
    rows_as_documents = (
        Document(text=text, id=name, metadata={**columns, "metadata": {"k": 1}}) for name, text in rows
    )
    documents.write_documents(rows_as_documents, file, DocumentCounter())
    return documents.read_documents(file.getvalue())


def run(parts: list[list[tuple[str, str]]]) -> tuple[list[dict[str, object]], list[DocumentCounter]]:
    tables = [part(rows) for rows in parts]
    decisions = dedup.decide([dedup.fingerprints(table) for table in tables])
    counters = [DocumentCounter() for _ in tables]
    kept = [dedup.apply_decisions(*arguments) for arguments in zip(tables, decisions, counters, strict=True)]
    return [row for table in kept for row in table.to_pylist()], counters


texts = st.sampled_from(["ا", "ب", "جَ", "ج", " a  b\n", "A b", "ab"])


@pytest.mark.fault(6)
@given(st.lists(texts, max_size=20), st.lists(st.integers(0, 20), max_size=4))
def test_the_first_of_equal_texts_is_kept_for_any_division_into_parts(inputs: list[str], ends: list[int]) -> None:
    rows = [(f"s/{number}", text) for number, text in enumerate(inputs)]
    bounds = sorted({0, len(rows), *(min(end, len(rows)) for end in ends)})
    kept, counters = run([rows[start:stop] for start, stop in itertools.pairwise(bounds)])

    first: dict[bytes, str] = {}
    copies: dict[str, int] = {}
    for name, text in rows:
        first_name = first.setdefault(dedup.canonical(text.encode()), name)
        copies[first_name] = copies.get(first_name, 0) + 1
    assert {row["id"]: json.loads(str(row["metadata"])).get("cluster_size", 1) for row in kept} == copies
    assert all(counter.balanced for counter in counters)
    dropped = sum(counter.dropped["documents"].get("exact duplicate", 0) for counter in counters)
    assert dropped == len(rows) - len(copies)


@pytest.mark.fault(15)
def test_a_repeated_id_with_another_text_is_dropped() -> None:
    kept, counters = run([[("s/1", "a"), ("s/2", "b")], [("s/1", "c"), ("s/3", "b")]])
    assert [row["id"] for row in kept] == ["s/1", "s/2"]
    assert counters[1].dropped["documents"] == {"duplicate id": 1, "exact duplicate": 1}


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("مُحَمَّدٌ", "محمد", True),
        ("محـمد", "محمد", True),
        (" Two\t\nwords ", "two words", True),
        ("أحمد", "احمد", False),
        ("ا\u0654", "ا", False),
        ("two words", "twowords", False),
        ("الرحمٰن", "الرحمن", True),
    ],
)
def test_texts_are_equal_without_marks_case_and_spacing_but_not_without_letters(
    first: str, second: str, same: bool
) -> None:
    assert (dedup.canonical(first.encode()) == dedup.canonical(second.encode())) is same


def test_no_parts_and_empty_parts_are_accepted() -> None:
    assert dedup.decide([]) == []
    kept, _ = run([[], [("s/1", "a")], []])
    assert [row["id"] for row in kept] == ["s/1"]
