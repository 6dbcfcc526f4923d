"""A census adds up to the same however its documents were cut into parts; its samples are by chance, not by place."""

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


def census(rows: list[tuple[str, tuple[str, str, str, str]]], *, waiting: bool) -> dict[str, Any]:
    """Of rows in order; dropped ones at once or, `waiting`, one by one as a pipeline drops them."""
    found = DocumentStatistics()
    for name, (source, language, reason, text) in rows:
        labels = {"source": source, "language": language, "category": "arabic"}
        if reason and waiting:
            found.drop(Document(text, name, metadata=labels), reason)
        else:
            found.add([name], pa.chunked_array([[text]], pa.large_string()), [tuple(labels.values())], [reason])
    return found.to_json()


@given(st.lists(row, max_size=60), st.lists(st.integers(0, 60), max_size=4), st.booleans())
def test_parts_add_up_to_the_whole_however_they_are_cut(
    drawn: list[tuple[str, str, str, str]], cuts: list[int], waiting: bool
) -> None:
    rows = [(f"s/{number}", one) for number, one in enumerate(drawn)]
    bounds = sorted({0, len(rows), *(min(cut, len(rows)) for cut in cuts)})
    whole = merge([census(rows, waiting=False)])
    assert merge(census(rows[a:b], waiting=waiting) for a, b in itertools.pairwise(bounds)) == whole
    assert sum(group["documents"] for group in whole["groups"]) == len(rows)
    for group in whole["groups"]:
        mine = [text for _, (source, language, reason, text) in rows if _is(group, source, language, reason)]
        assert group["chars"] == sum(map(len, mine))
        assert group["bytes"] == sum(len(text.encode()) for text in mine)
        assert group["words"] == sum(len(text.split()) for text in mine)
        assert sum(group["lengths"]) == group["documents"]
    for source, kinds in whole["samples"].items():
        for kind, some in kinds.items():
            ids = [name for name, one in rows if one[0] == source and bool(one[2]) == (kind == "dropped")]
            assert len(some) == min(SAMPLES, len(ids))
            assert {one["id"] for one in some} <= set(ids)


def _is(group: dict[str, Any], source: str, language: str, reason: str) -> bool:
    return (group["source"], group["language"], group["reason"]) == (source, language, reason)


def test_samples_stand_all_over_the_documents_and_are_cut() -> None:
    rows = [(f"s/{number}", ("web", "arb_Arab", "", "نص " * 400)) for number in range(2_000)]
    some = census(rows, waiting=False)["samples"]["web"]["kept"]
    places = sorted(int(one["id"][2:]) for one in some)
    assert places[0] < 1_000 <= places[-1]
    assert {len(one["text"]) for one in some} == {EXCERPT}
    assert {one["chars"] for one in some} == {1200}
    assert len({xxhash.xxh3_64_intdigest(one["id"].encode()) for one in some}) == SAMPLES


def test_a_giant_is_counted_as_it_lies_in_a_slice() -> None:
    column = pa.chunked_array([pa.array(["x", "a b\nج " * 1000, "", "  y"], pa.large_string())])
    assert counts_of(column).tolist() == [[1, 7000, 0, 3], [1, 6000, 0, 3], [1, 3000, 0, 1]]
    assert counts_of(column.slice(1, 2)).tolist() == [[7000, 0], [6000, 0], [3000, 0]]
