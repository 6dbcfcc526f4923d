"""Proven near-duplicates: a document is dropped only for one that stays and resembles it, and this is recorded."""

import itertools
import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from dedup_parts import applied, bounds_of, decided, edited, pairs, prints_of, table, words
from hypothesis import given
from hypothesis import strategies as st

from corpora.dedup import BLOCKS, Proof, dropped_documents, sketches
from corpora.dedup.decisions import FEW_SOURCES, KEPT, NEAR_TEXT, SAME_TEXT
from corpora.dedup.minhash import SCATTERED, Setting, similarity_of
from corpora.groups import groups_of

THRESHOLD = 0.5


def proven(
    parts: Sequence[pa.Table], setting: Setting = BLOCKS, threshold: float = THRESHOLD, documents: int = 1 << 20
) -> Any:
    keys, signatures = sketches(pa.concat_tables(parts)["text"], setting)
    bounds = bounds_of(parts)
    proof = Proof(setting, threshold, lambda part: signatures[bounds[part] : bounds[part + 1]]) if threshold else None
    return decided(prints_of(parts), keys, proof=proof, tables=parts, ranges=3, documents=documents)


def decisions_on(texts: Sequence[str], setting: Setting = BLOCKS, threshold: float = THRESHOLD) -> Any:
    rows = [(f"s/{number}", text) for number, text in enumerate(texts)]
    return proven([table(rows)], setting, threshold).part(0, len(rows))


@pytest.mark.parametrize("setting", [BLOCKS, SCATTERED])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.6])
def test_estimates_have_the_documented_error(setting: Setting, share: float) -> None:
    errors = []
    for first, second in pairs(150, share, scattered=False):
        grams, others = (
            {tuple(text.split()[k : k + setting.ngram]) for k in range(len(text.split()) - setting.ngram + 1)}
            for text in (first, second)
        )
        true = len(grams & others) / len(grams | others)
        _, signatures = sketches(pa.chunked_array([[first, second]], pa.large_string()), setting)
        errors.append(similarity_of(int((signatures[0] == signatures[1]).sum()), setting.functions) - true)
    assert np.std(errors) < 0.055
    assert abs(np.mean(errors)) < 0.02


@pytest.mark.parametrize(
    ("setting", "share", "scattered"),
    [
        (BLOCKS, 0.05, False),
        (BLOCKS, 0.1, False),
        (BLOCKS, 0.05, True),
        (SCATTERED, 0.1, False),
        (SCATTERED, 0.1, True),
    ],
)
def test_recall_of_planted_copies_is_that_of_candidates(setting: Setting, share: float, scattered: bool) -> None:
    texts = [text for pair in pairs(200, share, scattered) for text in pair]
    candidates, proven = (
        int((decisions_on(texts, setting, threshold)["reason"] == NEAR_TEXT).sum()) for threshold in (0, THRESHOLD)
    )
    assert candidates - proven <= (6 if scattered else 0)


def hadiths(count: int, chain: int, matter: int) -> list[str]:
    """Return texts that begin with the same words, a chain of transmitters, and continue with other words."""
    rng = random.Random(5)
    opening = words(rng, chain)
    return [" ".join([*opening, *words(rng, matter)]) for _ in range(count)]


def test_texts_that_share_a_chain_of_transmitters_and_differ_in_matter_stay() -> None:
    texts = hadiths(400, 45, 40)
    assert (decisions_on(texts, SCATTERED, 0)["reason"] == NEAR_TEXT).sum() > 50
    decisions = decisions_on(texts, SCATTERED)
    assert (decisions["reason"] == NEAR_TEXT).sum() <= 2  # true similarity .35; each is compared with hundreds
    assert len(set(decisions["cluster"].tolist())) < 350  # candidates are not divided between training and validation


def test_editions_of_a_book_are_dropped_for_the_first() -> None:
    rng = random.Random(6)
    book = words(rng, 4_000)
    editions = [
        " ".join([*words(rng, 40), *edited(rng, book, 0.01, scattered=True), *words(rng, 80)]) for _ in range(8)
    ]
    decisions = decisions_on([*hadiths(3, 30, 60), *editions])
    assert (decisions["reason"][4:] == NEAR_TEXT).all()
    assert (decisions["kept"][3:] == 3).all()
    assert (decisions["copies"][3:] == 8).all()
    assert (decisions["similarity"][4:] > 0.7).all()


def chain(length: int, step: int = 25) -> list[str]:
    """Return texts of which each shares most words with the one before, and the ends share none."""
    rng = random.Random(7)
    text = words(rng, 300)
    result = []
    for number in range(length):
        start = number * step % 300
        text = [*text[:start], *words(rng, step), *text[start + step :]]
        result.append(" ".join(text))
    return result


def test_the_ends_of_a_chain_that_have_little_in_common_stay() -> None:
    texts = chain(40)
    assert (decisions_on(texts, threshold=0)["reason"] == NEAR_TEXT).sum() >= 35
    decisions = decisions_on(texts)
    kept = np.flatnonzero(decisions["reason"] == KEPT)
    assert 5 <= kept.size <= 25
    assert (decisions["kept"][kept] == kept).all()
    _, signatures = sketches(pa.chunked_array([texts], pa.large_string()), BLOCKS)
    for row in np.flatnonzero(decisions["reason"] == NEAR_TEXT):
        other = decisions["kept"][row]
        assert other in kept
        assert other < row
        estimate = similarity_of(int((signatures[row] == signatures[other]).sum()), BLOCKS.functions)
        assert estimate == pytest.approx(decisions["similarity"][row])
        assert estimate >= THRESHOLD


def mixed_rows() -> list[tuple[str, str]]:
    """Return documents with equal texts, near copies, a chain, and repeated ids, in a fixed random order."""
    rng = random.Random(8)
    stems = [words(rng, 120) for _ in range(5)]
    texts = [" ".join(edited(rng, stems[n % 5], 0.04, scattered=False)) for n in range(25)] + chain(12)
    texts += texts[::6]
    rng.shuffle(texts)
    return [(f"s/{n if n % 9 else 0}", text) for n, text in enumerate(texts)]


@pytest.mark.fault(6)
@given(st.lists(st.integers(0, 40), max_size=4), st.sampled_from([1, 10, 1 << 20]), st.sampled_from([THRESHOLD, 0.0]))
def test_decisions_and_records_are_the_same_for_any_division_into_parts_and_ranges(
    ends: list[int], documents: int, threshold: float
) -> None:
    rows = mixed_rows()
    bounds = sorted({0, len(rows), *ends})
    whole, parts = [table(rows)], [table(rows[start:stop]) for start, stop in itertools.pairwise(bounds)]
    decisions, expected = proven(parts, threshold=threshold, documents=documents), proven(whole, threshold=threshold)
    assert decisions.all.tobytes() == expected.all.tobytes()
    kept, counters = applied(decisions, parts, near=True)
    assert kept == applied(expected, whole, near=True)[0]
    assert all(counter.balanced for counter in counters)


def test_every_dropped_duplicate_has_a_document_that_stays() -> None:
    rows = mixed_rows()
    decisions = proven([table(rows)]).part(0, len(rows))
    dropped = np.isin(decisions["reason"], [SAME_TEXT, NEAR_TEXT])
    assert dropped.any()
    assert (decisions["reason"][decisions["kept"][dropped]] == KEPT).all()


def test_what_a_document_was_dropped_for_is_recorded_with_the_part_that_holds_it() -> None:
    rng = random.Random(9)
    text = words(rng, 300)
    near = " ".join(edited(rng, text, 0.03, scattered=False))
    parts = [table([("s/0", "وحده"), ("s/1", " ".join(text))]), table([("s/2", near), ("s/3", " ".join(text))])]
    decisions = proven(parts)
    bounds, clusters = bounds_of(parts), decisions.clusters
    lines = [
        line
        for number, part in enumerate(parts)
        for line in dropped_documents(
            part, decisions.part(bounds[number], bounds[number + 1]), clusters[number]
        ).to_pylist()
    ]
    assert [(line["id"], line["reason"], line["kept"], line["kept_part"]) for line in lines] == [
        ("s/2", "near duplicate", "s/1", "part-00000"),
        ("s/3", "exact duplicate", "s/1", "part-00000"),
    ]
    assert 0.8 < lines[0]["similarity"] < 1
    assert lines[1]["similarity"] == 1


@pytest.mark.parametrize("threshold", [THRESHOLD, 0.0])
def test_a_translation_and_the_near_duplicates_of_its_original_and_its_own_are_one_group(threshold: float) -> None:
    """Also where the original is dropped, and where only a book joins them. What is dropped depends on texts alone."""
    rng = random.Random(10)

    def several(count: int) -> list[str]:
        text = words(rng, 300)
        return [" ".join(text), *(" ".join(edited(rng, text, 0.05, scattered=False)) for _ in range(count - 1))]

    (b, a), (c, t), (d, page) = several(2), several(2), several(2)
    alone = " ".join(words(rng, 300))
    texts = {"b": b, "a": a, "c": c, "a@ar": t, "d": d, "page": page, "leaf": alone, "lone": " ".join(words(rng, 300))}
    metadata = {"a@ar": {"cluster": "a"}, "page": {"book": "B"}, "leaf": {"book": "B"}}
    whole = table(list(texts.items()))
    column = whole.schema.get_field_index("metadata")
    lines = [json.dumps(metadata.get(name, {})) for name in texts]
    whole = whole.set_column(column, whole.schema.field(column), pa.array(lines))
    for parts in ([whole], [whole.slice(row, 1) for row in range(len(whole))]):
        decisions = proven(parts, threshold=threshold, documents=2)
        kept, _ = applied(decisions, parts, near=True)
        assert {row["id"] for row in kept} == {"b", "c", "d", "leaf", "lone"}
        groups = dict(zip([row["id"] for row in kept], groups_of(pa.Table.from_pylist(kept)).to_pylist(), strict=True))
        assert groups == {"b": "b", "c": "b", "d": "d", "leaf": "d", "lone": "lone"}


def test_the_sources_of_a_cluster_are_recorded_and_documents_of_too_few_are_dropped() -> None:
    rows = [
        ("s/1", "ا ب"),
        ("s/2", "ت ث"),
        ("t/1", "ا ب"),
        ("t/2", "ج ح"),
        ("t/3", "ت ث"),
        ("s/3", "خ د"),
        ("s/4", "خ د"),
    ]
    part = table(rows)
    column = part.schema.get_field_index("source")
    part = part.set_column(column, part.schema.field(column), pa.array([name[0] for name, _ in rows]))
    decisions = decided(prints_of([part]), tables=[part])
    kept, _ = applied(decisions, [part])
    assert {row["id"]: json.loads(row["metadata"]).get("cluster_sources") for row in kept} == {
        "s/1": ["s", "t"],
        "s/2": ["s", "t"],
        "t/2": None,
        "s/3": ["s"],
    }
    decisions = decided(prints_of([part]), tables=[part], least_sources=2)
    assert decisions.all["reason"].tolist() == [KEPT, KEPT, SAME_TEXT, FEW_SOURCES, SAME_TEXT, FEW_SOURCES, SAME_TEXT]
