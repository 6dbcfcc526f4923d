"""Statistics do not depend on how documents are split into parts, and samples are random documents."""

import itertools
from typing import Any

import pyarrow as pa
import xxhash
from datatrove.data import Document
from hypothesis import given
from hypothesis import strategies as st

from corpora.document_statistics import EXCERPT, SAMPLES, DocumentStatistics, counts_of, merge

row = st.tuples(
    st.sampled_from(["web", "books"]),
    st.sampled_from(["arb_Arab", "eng_Latn"]),
    st.sampled_from(["", "too short", "near duplicate"]),
    st.text(st.sampled_from("اب c\n\t.é"), max_size=40),
)


def statistics_of(rows: list[tuple[str, tuple[str, str, str, str]]], *, dropping: bool) -> dict[str, Any]:
    """Return the statistics of rows; with `dropping`, dropped rows are counted by `drop`, as in a pipeline."""
    statistics = DocumentStatistics()
    for name, (source, language, reason, text) in rows:
        labels = {"source": source, "language": language, "category": "arabic"}
        if reason and dropping:
            statistics.drop(Document(text, name, metadata=labels), reason)
        else:
            column = pa.chunked_array([[text]], pa.large_string())
            statistics.add([name], column, [tuple(labels.values())], [reason])
    return statistics.to_json()


@given(st.lists(row, max_size=60), st.lists(st.integers(0, 60), max_size=4), st.booleans())
def test_merged_statistics_do_not_depend_on_the_split_into_parts(
    drawn: list[tuple[str, str, str, str]], splits: list[int], dropping: bool
) -> None:
    rows = [(f"s/{number}", row) for number, row in enumerate(drawn)]
    bounds = sorted({0, len(rows), *(min(split, len(rows)) for split in splits)})
    whole = merge([statistics_of(rows, dropping=False)])
    assert merge(statistics_of(rows[a:b], dropping=dropping) for a, b in itertools.pairwise(bounds)) == whole
    assert sum(group["documents"] for group in whole["groups"]) == len(rows)
    for group in whole["groups"]:
        texts = [text for _, (source, language, reason, text) in rows if _is(group, source, language, reason)]
        assert group["chars"] == sum(map(len, texts))
        assert group["bytes"] == sum(len(text.encode()) for text in texts)
        assert group["words"] == sum(len(text.split()) for text in texts)
        assert sum(group["lengths"]) == group["documents"]
    for source, kinds in whole["samples"].items():
        for kind, samples in kinds.items():
            ids = [name for name, row in rows if row[0] == source and bool(row[2]) == (kind == "dropped")]
            assert len(samples) == min(SAMPLES, len(ids))
            assert {sample["id"] for sample in samples} <= set(ids)


def _is(group: dict[str, Any], source: str, language: str, reason: str) -> bool:
    return (group["source"], group["language"], group["reason"]) == (source, language, reason)


def test_samples_are_spread_over_the_documents_and_have_limited_length() -> None:
    rows = [(f"s/{number}", ("web", "arb_Arab", "", "نص " * 400)) for number in range(2_000)]
    samples = statistics_of(rows, dropping=False)["samples"]["web"]["kept"]
    numbers = sorted(int(sample["id"][2:]) for sample in samples)
    assert numbers[0] < 1_000 <= numbers[-1]
    assert {len(sample["text"]) for sample in samples} == {EXCERPT}
    assert {sample["chars"] for sample in samples} == {1200}
    assert len({xxhash.xxh3_64_intdigest(sample["id"].encode()) for sample in samples}) == SAMPLES


def test_counts_of_a_slice_of_a_column_are_those_of_its_texts() -> None:
    column = pa.chunked_array([pa.array(["x", "a b\nج " * 1000, "", "  y"], pa.large_string())])
    assert counts_of(column).tolist() == [[1, 7000, 0, 3], [1, 6000, 0, 3], [1, 3000, 0, 1]]
    assert counts_of(column.slice(1, 2)).tolist() == [[7000, 0], [6000, 0], [3000, 0]]
