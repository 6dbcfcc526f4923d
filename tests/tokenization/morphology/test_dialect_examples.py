"""Clitics of dialects are found by the paradigms of their words, and the shipped segmenter has learned them."""

from collections import Counter

import pytest

from tokenization.morphology import RuleSegmenter, open_segmenter, segments
from tokenization.morphology.dialect_examples import MAX_OTHERS, MIN_COUNT, examples, parallel
from tokenization.morphology.features import level
from tokenization.training import PretokenCounts, word_counts

SOMETIMES = """عنده عندها عندهم عندك عندي عندو يكتب تكتب نكتب بيكتب هيكتب حيكتب كيكتب مايكتب كانوا كان كانت كانو ماكانش
مكانش مدرسة مدرسه يشوف تشوف أشوف بشوف البيت هالبيت عالبيت حكيت حكيتله حكيتلها حكيتلك"""
OFTEN = "عنده عندها يكتب تكتب كان كانوا مدرسة يشوف البيت حكيت"
KNOWN = Counter(SOMETIMES.split() * 50 + OFTEN.split() * 500)


def frequency(word: str) -> int:
    return level(KNOWN[word]) if KNOWN[word] >= MIN_COUNT else 0


@pytest.mark.parametrize(
    ("word", "beside"),
    [
        ("عندك", "عندها"),
        ("عندي", "عندها"),
        ("عندو", "عندها"),
        ("بيكتب", "يكتب"),
        ("هيكتب", "يكتب"),
        ("كيكتب", "يكتب"),
        ("مايكتب", "يكتب"),
        ("كانو", "كانوا"),
        ("ماكانش", "كان"),
        ("مكانش", "كان"),
        ("مدرسه", "مدرسة"),
        ("بشوف", "يشوف"),
        ("هالبيت", "البيت"),
        ("حكيتلها", "حكيت"),
        *((word, None) for word in ("كان", "البيت", "يكتب", "كتاب", "هنا", "بيان", "عالم", "راديو", "شباك", "عيش")),
    ],
)
def test_a_word_stands_beside_one_that_is_known_or_beside_none(word: str, beside: str | None) -> None:
    match = parallel(word, frequency)
    assert (match and match.word) == beside


def test_examples_have_the_boundaries_of_their_parallels_and_of_the_clitic() -> None:
    predicted = dict(examples(KNOWN, open_segmenter("learned"), {"عندي"}, 0))
    assert "عندي" not in predicted
    split = {word: "+".join(segments(word, boundaries)) for word, boundaries in predicted.items()}
    assert [split[word] for word in ("عندك", "بيكتب", "ماكانش", "مكانش", "كانو", "مدرسه", "هالبيت", "حكيتلها")] == [
        *("عند+ك", "ب+يكتب", "ما+كان+ش", "م+كان+ش", "كان+و", "مدرس+ه", "ه+ال+بيت", "حكي+ت+ل+ها"),
    ]


def test_examples_out_of_real_text_are_pieces_of_the_word_and_the_same_again(real_counts: PretokenCounts) -> None:
    counts = word_counts(real_counts)
    pairs = examples(counts, RuleSegmenter(), set(), 0)
    assert len(pairs) == len(dict(pairs)) > 1_000
    assert sum(parallel(word, lambda other: counts.get(other, 0)) is None for word, _ in pairs) <= MAX_OTHERS
    for word, boundaries in pairs:
        assert "".join(segments(word, boundaries)) == word
        assert all(segments(word, boundaries))
    assert examples(dict(reversed(counts.items())), RuleSegmenter(), set(), 0) == pairs


def test_the_shipped_model_splits_clitics_of_dialects() -> None:
    expected = "ب+يكتب ه+يروح ح+يكون ك+يقول ما+كان+ش م+كان+ش قدر+ش عند+ك نفس+ي يلعب+و ه+ال+بلد"
    words = expected.replace("+", "").split()
    predicted = open_segmenter("learned").boundaries(words)
    split = ["+".join(segments(word, boundaries)) for word, boundaries in zip(words, predicted, strict=True)]
    assert split == expected.split()
