"""Clitics of dialects are found by the paradigms of their words, and the segmenter learns to cut them."""

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


def known(word: str) -> int:
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
    found = parallel(word, known)
    assert (found and found.word) == beside


def test_examples_are_cut_as_their_parallels_and_at_the_clitic() -> None:
    found = dict(examples(KNOWN, open_segmenter("learned"), {"عندي"}, 0))
    assert "عندي" not in found
    cut = {word: "+".join(segments(word, cuts)) for word, cuts in found.items()}
    assert [cut[word] for word in ("عندك", "بيكتب", "ماكانش", "مكانش", "كانو", "مدرسه", "هالبيت", "حكيتلها")] == [
        *("عند+ك", "ب+يكتب", "ما+كان+ش", "م+كان+ش", "كان+و", "مدرس+ه", "ه+ال+بيت", "حكي+ت+ل+ها"),
    ]


def test_examples_out_of_real_text_are_pieces_of_the_word_and_the_same_again(real_counts: PretokenCounts) -> None:
    counts = word_counts(real_counts)
    found = examples(counts, RuleSegmenter(), set(), 0)
    assert len(found) == len(dict(found)) > 1_000
    assert sum(parallel(word, lambda other: counts.get(other, 0)) is None for word, _ in found) <= MAX_OTHERS
    for word, cuts in found:
        assert "".join(segments(word, cuts)) == word
        assert all(segments(word, cuts))
    assert examples(dict(reversed(counts.items())), RuleSegmenter(), set(), 0) == found


def test_the_shipped_model_cuts_dialects() -> None:
    wanted = "ب+يكتب ه+يروح ح+يكون ك+يقول ما+كان+ش م+كان+ش قدر+ش عند+ك نفس+ي يلعب+و ه+ال+بلد"
    words = wanted.replace("+", "").split()
    found = open_segmenter("learned").boundaries(words)
    cut = ["+".join(segments(word, cuts)) for word, cuts in zip(words, found, strict=True)]
    assert cut == wanted.split()
