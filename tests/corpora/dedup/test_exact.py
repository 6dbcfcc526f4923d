"""Exact deduplication: the first of equal texts is kept, for any division of the documents into parts."""

import io
import itertools
import json
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datatrove.data import Document
from dedup_parts import applied, decided, prints_of
from hypothesis import given
from hypothesis import strategies as st

from corpora import documents
from corpora.dedup import WIDE, Keys, bounds_of, exact, wide_keys
from corpora.dedup import decisions as dedup
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
    return applied(decided(prints_of(tables), tables=tables), tables)


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
        first_name = first.setdefault(exact.canonical(text.encode()), name)
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
    assert (exact.canonical(first.encode()) == exact.canonical(second.encode())) is same


def test_no_parts_and_empty_parts_are_accepted() -> None:
    assert decided(prints_of([])).all.size == 0
    kept, _ = run([[], [("s/1", "a")], []])
    assert [row["id"] for row in kept] == ["s/1"]


def expected(texts: Any, ids: Any, evaluation: Any, bands: Any, exact: bool) -> list[tuple[int, int]]:
    """Decide by comparing all pairs: the reason and the size of the cluster of each document."""
    count = len(texts)
    first = list(range(count))
    for second in range(count) if exact else ():
        first[second] = next(row for row in range(second + 1) if (texts[row] == texts[second]).all())
    reasons = [dedup.SAME_TEXT if first[row] != row else dedup.KEPT for row in range(count)]
    joined = True
    while joined:
        joined = False
        for earlier, second in itertools.combinations(range(count), 2):
            if first[earlier] != first[second] and any(band[earlier] == band[second] != 0 for band in bands):
                low, high = sorted((first[earlier], first[second]))
                first = [low if root == high else root for root in first]
                joined = True
    seen: set[tuple[int, int]] = set()
    for row in range(count):
        if reasons[row] == dedup.KEPT and first[row] != row:
            reasons[row] = dedup.NEAR_TEXT
        if evaluation[row]:
            reasons[row] = dedup.CONTAMINATED - 1 + int(evaluation[row])
        if reasons[row] == dedup.KEPT:
            name = (int(ids[row][0]), int(ids[row][1]))
            if name in seen:
                reasons[row] = dedup.SAME_ID
            seen.add(name)
    return [(reasons[row], first.count(first[row])) for row in range(count)]


@pytest.mark.fault(6)
@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(1, 4), st.booleans())
def test_decisions_are_those_of_comparing_all_pairs(seed: int, count: int, values: int, exact: bool) -> None:
    """Keys of few values: ties in one half of a key, chains over bands, stars, and documents of evaluation sets.

    For any division into parts and ranges of keys, and ranges that hold more records than may be held at once.
    """
    draw = np.random.default_rng(seed)
    texts, ids = (draw.integers(0, values, (count, 2), np.uint64) << np.uint64(60) for _ in range(2))
    evaluation = (draw.random(count) < 0.1).astype(np.uint16) * draw.integers(1, 3, count, np.uint16)
    bands = draw.integers(0, 12 * values, (3, count), np.uint64) << np.uint64(57)
    bands[:, evaluation > 0] = 0
    fields = {"text": texts, "id": ids, "evaluation": evaluation}
    bounds = sorted({0, count, *draw.integers(0, count + 1, 3).tolist()})
    ranges, most = int(draw.choice([1, 7, 64])), int(draw.choice([1, 4, 1 << 20]))
    sizes = {"ranges": ranges, "most": most, "documents": int(draw.choice([1, 5, 1 << 20]))}
    decisions = decided(fields, bands, exact=exact, bounds=bounds, **sizes).part(0, count)
    assert decisions[["reason", "copies"]].tolist() == expected(texts, ids, evaluation, bands, exact)


@pytest.mark.parametrize("bits", [64, 40])
def test_the_keys_of_a_range_are_all_of_them_and_hold_no_others_in_memory(bits: int) -> None:
    """Keys that are distributed evenly are read at their place; of others all are read."""
    halves = np.random.default_rng(3).integers(0, 2**bits - 1, (7_000, 2), np.uint64)
    records = wide_keys(halves)
    sizes = []
    for number in range(12):
        low, high = bounds_of(number, 12, WIDE)
        of_range = Keys(0, len(records), lambda start, stop: records[start:stop]).slice(low, high)
        assert of_range.base is None
        sizes.append(of_range.size)
        assert sizes[-1] == ((halves[:, 0] >= low) & (halves[:, 0] <= high)).sum()
    assert sum(sizes) == len(records)


@pytest.mark.parametrize("step", [1, -1, 7])
def test_a_chain_of_a_hundred_thousand_near_duplicates_is_one_cluster(step: int) -> None:
    count = 100_000
    order = np.arange(count, dtype=np.uint64)[:: 1 if step > 0 else -1] * np.uint64(abs(step)) % np.uint64(count)
    bands = [order // np.uint64(2) + np.uint64(1), (order + np.uint64(1)) // np.uint64(2) + np.uint64(1)]
    keys = np.stack([np.arange(count, dtype=np.uint64), np.zeros(count, np.uint64)], axis=1)
    fields = {"text": keys, "id": keys, "evaluation": np.zeros(count, np.uint16)}
    decisions = decided(fields, bands, ranges=7, bounds=[*range(0, count, 999), count], documents=9_000).part(0, count)
    assert (decisions["copies"] == count).all()
    assert decisions["reason"].tolist() == [dedup.KEPT] + [dedup.NEAR_TEXT] * (count - 1)


@pytest.mark.fault(20)
def test_a_disk_that_fills_between_two_ranges_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    keys = np.zeros((20_000, 2), np.uint64)  # keys of one value
    fields = {"text": keys, "id": keys, "evaluation": np.zeros(len(keys), np.uint16)}
    sizes = {"bounds": [*range(0, len(keys), 500), len(keys)], "documents": 3_000}
    before = decided(fields, **sizes, folder=tmp_path / "deciding").all
    assert (before["copies"] == len(keys)).all()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))
    try:
        with pytest.raises(OSError, match="deciding/"):
            decided(fields, **sizes, folder=tmp_path / "deciding")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not any(tmp_path.iterdir())
    assert decided(fields, **sizes, folder=tmp_path / "deciding").all.tobytes() == before.tobytes()
