"""Token ends are compared with morpheme boundaries, in bytes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tokenization.model import Tokenizer
from tokenization.morphology import RuleSegmenter, align, open_segmenter, read_gold, segment_words

GOLD = [("والكتاب", (1, 3)), ("كتابها", (4,)), ("كتب", ())]


def test_a_tokenizer_that_splits_at_all_boundaries_and_nowhere_else_has_perfect_scores() -> None:
    tokens = {"والكتاب": " و ال كتاب", "كتابها": " كتاب ها", "كتب": " كتب"}

    def encode(word: str) -> list[bytes]:
        first, *others = tokens[word].split()
        return [f" {first}".encode(), *(token.encode() for token in others)]

    assert align(encode, GOLD).figures() == {
        "tokens": 3, "precision": 1.0, "recall": 1.0, "f1": 1.0, "exact": 1.0, "crossed": 0.0
    }  # fmt: skip


def test_whole_words_predict_nothing_and_cross_every_word_that_has_a_boundary() -> None:
    result = align(lambda word: [f" {word}".encode()], GOLD)
    assert (result.predicted, result.recall, result.crossed, result.exact) == (0, 0.0, 2, 1)
    # The end of a token that is a single space is not a boundary inside the word.
    assert align(lambda word: [b" ", word.encode()], GOLD) == result


def test_an_end_within_a_character_is_predicted_and_false() -> None:
    def encode(word: str) -> Sequence[bytes]:
        return [bytes([byte]) for byte in f" {word}".encode()]

    result = align(encode, [("كتب", (2,))])
    assert (result.predicted, result.hits, result.crossed) == (5, 1, 0)


def test_a_word_counts_as_often_as_it_occurs() -> None:
    assert align(lambda word: [f" {word}".encode()], GOLD * 3).true == 9


def test_a_word_that_the_tokens_do_not_spell_counts_as_one_token() -> None:
    result = align(lambda word: [b" ", *[b"?"] * len(word)], GOLD)
    assert (result.predicted, result.crossed, result.true) == (0, 2, 3)


def test_a_segmenter_stands_in_for_gold_and_marks_stay_with_their_letters() -> None:
    assert segment_words(["والكتاب", "وَالكِتاب", "والكتاب"], RuleSegmenter()) == [
        ("والكتاب", (1, 3)),
        ("وَالكِتاب", (2, 4)),
        ("والكتاب", (1, 3)),
    ]


def test_plain_merges_align_with_wikinews_as_counted_by_hand(samples: Path, small: Tokenizer) -> None:
    gold = read_gold(samples / "gold/wikinews_tokens.tsv")[:1_000]
    result = align(small.split_word, gold)
    hits = predicted = 0
    for word, boundaries in gold:
        text, ends = "", set()
        for token in small.encode(f" {word}"):
            text += small.pieces[token].decode()  # no byte fragments in these words
            ends.add(len(text) - 1)
        ends -= {0, len(word)}
        hits += len(ends & set(boundaries))
        predicted += len(ends)
    assert (result.hits, result.predicted) == (hits, predicted)
    assert result.true == sum(len(boundaries) for _, boundaries in gold)
    agreed = align(small.split_word, segment_words([word for word, _ in gold], open_segmenter("learned")))
    assert agreed.f1 == pytest.approx(result.f1, abs=0.05)
