"""Counts are exact, and counts of parts add up to those of the whole."""

import io
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from tokenization.errors import EncodingError
from tokenization.model import pretoken_pattern
from tokenization.training import (
    PretokenCounts,
    count_in_runs,
    count_pretokens,
    load_counts,
    merge_counts,
    save_counts,
)


def same(a: PretokenCounts, b: PretokenCounts) -> bool:
    return all(np.array_equal(x, y) for x, y in ((a.data, b.data), (a.offsets, b.offsets), (a.counts, b.counts)))


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_every_piece_of_the_pattern_is_counted(real_text: list[str], digits: int) -> None:
    texts = real_text[::7]
    split = Split(Regex(pretoken_pattern(digits)), "isolated")
    expected = Counter(piece.encode() for text in texts for piece, _ in split.pre_tokenize_str(text))
    assert dict(count_pretokens(texts, pretoken_pattern(digits)).items()) == expected


@pytest.mark.fault(6)
@given(st.lists(st.text(max_size=30), max_size=8), st.integers(0, 8))
def test_counts_of_parts_add_up_to_the_same_arrays(texts: list[str], middle: int) -> None:
    whole = count_pretokens(texts, pretoken_pattern())
    assert same(
        whole,
        merge_counts(
            [count_pretokens(texts[middle:], pretoken_pattern()), count_pretokens(texts[:middle], pretoken_pattern())]
        ),
    )
    assert sum(len(word) * times for word, times in whole.items()) == len("".join(texts).encode())
    assert whole.total == sum(times for _, times in whole.items())
    assert len(whole) == len(list(whole.items()))


PARTS = [
    *("'s", "'S", "'ſ", "'t", "'RE", "'vE", "'m", "'lL", "'d", "'", "'r", "'l", "ſ", "K"),
    *("a", "ب", "é", "各", "𝔄", "\u0651", "\u064e", "\u0301", "\U000e0100", "\u0640", "1", "٣", "²", "Ⅷ", "𝟗"),
    *(
        " ",
        "  ",
        "\t",
        "\n",
        "\r",
        "\r\n",
        "\n ",
        "\u00a0",
        "\u2028",
        "\u0085",
        "\x1c",
        "\x0b",
        "\u3000",
        "\u180e",
    ),
    *(".", "،", "«", "👋", "\u200d", "\x00", "\ufeff", "\U0010ffff", "\u200f", "_", "ـ"),
]
AWKWARD = st.sampled_from(PARTS)


@given(st.integers(0, 1 << 32), st.integers(1, 3))
def test_long_adversarial_texts_are_split_as_by_the_engine(seed: int, digits: int) -> None:
    """The texts, and some runs of one kind, are longer than the blocks of the pre-tokenizer."""
    drawn = random.Random(seed)
    parts = [drawn.choice(PARTS) * drawn.choice((1, 1, 1, 2, 700)) for _ in range(400)]
    split = Split(Regex(pretoken_pattern(digits)), "isolated")
    texts = ["".join(parts[:200]), "".join(parts[200:])]
    expected = Counter(piece.encode() for text in texts for piece, _ in split.pre_tokenize_str(text))
    assert dict(count_pretokens(texts, pretoken_pattern(digits)).items()) == expected


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_runs_longer_than_any_window_are_split_as_by_the_engine(digits: int) -> None:
    text = "".join(part * 40_001 for part in ("9", "٣a", "a", "٣", " ", "\n", "𝟗", ".", " 7", "\u064e", "٣"))
    split = Split(Regex(pretoken_pattern(digits)), "isolated")
    expected = Counter(piece.encode() for piece, _ in split.pre_tokenize_str(text))
    assert dict(count_pretokens([text, "1" * 2_000_000], pretoken_pattern(digits)).items()) == expected + Counter(
        {b"1" * digits: 2_000_000 // digits, b"1" * (2_000_000 % digits): 1 if 2_000_000 % digits else 0}
    )


@given(st.lists(st.lists(AWKWARD, max_size=14).map("".join), max_size=6), st.integers(1, 3))
def test_adversarial_texts_are_split_as_by_the_engine(texts: list[str], digits: int) -> None:
    split = Split(Regex(pretoken_pattern(digits)), "isolated")
    expected = Counter(piece.encode() for text in texts for piece, _ in split.pre_tokenize_str(text))
    assert dict(count_pretokens(texts, pretoken_pattern(digits)).items()) == expected


def test_more_words_than_the_table_begins_with_are_counted() -> None:
    texts = [f" {'ab' * (number % 9)}x{'abc'[number % 3]}{chr(0x4E00 + number % 20_000)}" for number in range(150_000)]
    counts = count_pretokens([*texts, *texts], pretoken_pattern())
    assert dict(counts.items()) == {text.encode(): 2 * times for text, times in Counter(texts).items()}
    assert len(counts) > 1 << 16


def test_runs_are_bounded_add_up_and_are_read_back_from_a_file() -> None:
    texts = [f" {chr(0x4E00 + number % 9_000)} {number % 70}" for number in range(20_000)] * 40
    file = io.BytesIO()
    for counts in count_in_runs(texts, pretoken_pattern(), max_different=3_000):
        save_counts(counts, file)
    runs = list(load_counts(file.getvalue()))
    assert len(runs) > 1
    assert sum(map(len, runs)) > len(count_pretokens(texts, pretoken_pattern())) > 9_000
    assert same(merge_counts(runs), count_pretokens(texts, pretoken_pattern()))
    assert list(load_counts(b"")) == []


def test_any_other_pattern_is_counted_too() -> None:
    assert dict(count_pretokens(["كتاب كتاب  x"], r"\s|\S+").items()) == {"كتاب".encode(): 2, b" ": 3, b"x": 1}
    with pytest.raises(EncodingError, match=r"text 0: .* character 1"):
        count_pretokens(["a\ud800"], r"\s|\S+")


def test_no_text_gives_no_counts() -> None:
    assert (
        len(count_pretokens([], pretoken_pattern()))
        == len(count_pretokens(["", ""], pretoken_pattern()))
        == len(merge_counts([]))
        == 0
    )


@pytest.mark.fault(12)
def test_a_lone_surrogate_is_refused_with_its_text() -> None:
    with pytest.raises(EncodingError, match=r"text 1: .* character 4"):
        count_pretokens(["fine", "not \ud800 fine"], pretoken_pattern())
