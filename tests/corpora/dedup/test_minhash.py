"""Near-duplicates: recall equals datatrove's; the first document is kept, for any division into parts."""

import itertools
import json
import random
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from dedup_parts import applied, decided, edited, pairs, prints_of, table, words
from hypothesis import given
from hypothesis import strategies as st

from corpora.dedup import BLOCKS, minhash
from corpora.dedup.minhash import SCATTERED, Setting
from corpora.document_counts import DocumentCounter


def band_keys(texts: Sequence[str], setting: Setting) -> minhash.Keys:
    return minhash.band_keys(pa.chunked_array([texts], pa.large_string()), setting)


def recall(planted: list[tuple[str, str]], setting: Setting) -> float:
    originals, copies = (band_keys(texts, setting) for texts in zip(*planted, strict=True))
    return float((originals == copies).any(axis=0).mean())


def similar(first: str, *others: str) -> list[bool]:
    keys = band_keys([first, *others], BLOCKS)
    return [bool((keys[:, 0] == key).any()) for key in keys.T[1:]]


@pytest.mark.parametrize(
    ("setting", "share", "scattered", "least", "most"),
    [
        (BLOCKS, 0.05, False, 0.95, 1.0),
        (BLOCKS, 0.05, True, 0.1, 0.5),
        (SCATTERED, 0.05, False, 0.98, 1.0),
        (SCATTERED, 0.05, True, 0.9, 1.0),
        (SCATTERED, 0.1, False, 0.95, 1.0),
    ],
)
def test_recall_of_planted_near_duplicates_is_as_documented(
    setting: Setting, share: float, scattered: bool, least: float, most: float
) -> None:
    assert least <= recall(pairs(200, share, scattered), setting) <= most


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15])
def test_recall_is_that_of_datatrove(share: float, tmp_path: object) -> None:
    pytest.importorskip("spacy")
    from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
    from datatrove.utils.hashing import HashConfig

    hashes = HashConfig(precision=64, hash_fc="sha1")
    config = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=hashes)
    datatrove = MinhashDedupSignature(str(tmp_path), config, language="arb_Arab")
    planted = pairs(150, share, scattered=False)
    detected = 0
    for pair in planted:
        original, copy = (datatrove.get_signature(datatrove.get_shingles(text)) for text in pair)
        detected += any(list(a) == list(b) for a, b in zip(original, copy, strict=True))
    # Independent hash functions on 150 pairs: three standard errors of a difference of proportions are at most .17.
    assert abs(recall(planted, BLOCKS) - detected / len(planted)) <= 0.17


def test_texts_that_share_nothing_are_never_joined() -> None:
    rng = random.Random(2)
    keys = band_keys([" ".join(words(rng, 40)) for _ in range(2_000)], SCATTERED)
    assert all(np.unique(band).size == 2_000 for band in keys)


def test_marks_case_digits_and_punctuation_do_not_count_but_letters_do() -> None:
    assert similar("قال مُحَمَّدٌ في 12 Mai", "قال، محـمد في 1999 «MAI».") == [True]
    assert similar("قال محمد في البيت", "قال أحمد في البيت") == [False]


def test_texts_without_words_match_no_other_text() -> None:
    keys = band_keys(["", "...", "؟!", "ا"], BLOCKS)
    assert (keys[:, :3] == 0).all()
    assert decided(prints_of([table([(f"s/{n}", "") for n in range(4)])]), keys, exact=False).all["kept"].tolist() == [
        0,
        1,
        2,
        3,
    ]


def run(parts: list[list[tuple[str, str]]]) -> tuple[list[dict[str, str]], list[DocumentCounter]]:
    tables = [table(rows) for rows in parts]
    keys = np.concatenate([minhash.band_keys(part["text"], BLOCKS) for part in tables], axis=1)
    return applied(decided(prints_of(tables), keys, tables=tables), tables, near=True)


def test_a_kept_document_has_the_name_and_size_of_its_cluster() -> None:
    rng = random.Random(3)
    text = words(rng, 300)
    near = edited(rng, text, 0.03, scattered=False)
    rows = [("s/0", "وحده"), ("s/1", " ".join(text)), ("s/2", " ".join(near)), ("s/3", " ".join(text) + "\n")]
    kept, counters = run([rows[:2], rows[2:]])
    assert [row["id"] for row in kept] == ["s/0", "s/1"]
    assert json.loads(kept[0]["metadata"]) == {"k": 1}
    assert json.loads(kept[1]["metadata"]) == {
        "k": 1,
        "cluster": "s/1",
        "cluster_size": 3,
        "cluster_sources": ["s"],
    }
    assert counters[1].dropped["documents"] == {"near duplicate": 1, "exact duplicate": 1}
    assert all(counter.balanced for counter in counters)


@pytest.mark.fault(6)
@given(st.lists(st.integers(0, 24), max_size=4))
def test_the_same_documents_are_kept_for_any_division_into_parts(ends: list[int]) -> None:
    rng = random.Random(4)
    stems = [words(rng, 120) for _ in range(8)]
    rows = [(f"s/{n}", " ".join(edited(rng, stems[n % 8], 0.03, scattered=False))) for n in range(24)]
    bounds = sorted({0, len(rows), *ends})
    assert run([rows[start:stop] for start, stop in itertools.pairwise(bounds)])[0] == run([rows])[0]
