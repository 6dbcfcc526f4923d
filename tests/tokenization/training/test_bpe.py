"""Merges are those of `tokenizers`, in the same order."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from everything import EVERY, everything
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers import Tokenizer as Reference
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split
from tokenizers.trainers import BpeTrainer

from tokenization.errors import EmptyCorpus, OptionError, VocabularyError
from tokenization.model import Merge, pretoken_pattern, token_to_bytes
from tokenization.training import PretokenCounts, count_pretokens, train_merges


def reference_merges(texts: Iterable[str], size: int, **options: int) -> list[Merge]:
    tokenizer = Reference(BPE())
    tokenizer.pre_tokenizer = Sequence(
        [Split(Regex(pretoken_pattern()), "isolated"), ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    trainer = BpeTrainer(
        vocab_size=size, initial_alphabet=ByteLevel.alphabet(), special_tokens=[], show_progress=False, **options
    )
    tokenizer.train_from_iterator(texts, trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(token_to_bytes(left), token_to_bytes(right)) for left, right in merges]


def test_all_merges_are_those_of_tokenizers_in_its_order(real_text: list[str], real_counts: PretokenCounts) -> None:
    assert train_merges(real_counts, 8_000) == reference_merges(real_text, 8_000)


@pytest.mark.parametrize("size", [8_000, 32_000] if EVERY == 1 else [2_000])
def test_all_merges_on_all_sample_corpora_are_those_of_tokenizers(samples: Path, size: int) -> None:
    assert train_merges(count_pretokens(everything(samples), pretoken_pattern()), size) == reference_merges(
        everything(samples), size
    )


def test_rare_pairs_and_long_tokens_are_dropped_as_in_tokenizers(
    real_text: list[str],
) -> None:
    texts = real_text[::4]
    merges = train_merges(count_pretokens(texts, pretoken_pattern()), 1_000, min_count=20, max_bytes=7)
    assert max(len(left + right) for left, right in merges) == 7
    # The limit of `tokenizers` is the first length that is too long.
    assert merges == reference_merges(texts, 1_000, min_frequency=20, max_token_length=8)


@given(st.lists(st.text("abc", min_size=1, max_size=24), min_size=1, max_size=12), st.integers(257, 290))
def test_ties_and_overlaps_are_merged_as_in_tokenizers(texts: list[str], size: int) -> None:
    expected = reference_merges(texts, size)
    counts = count_pretokens(texts, pretoken_pattern())
    reached = len({left + right for left, right in expected}) + 256
    assert train_merges(counts, reached) == expected
    if reached < size:
        with pytest.raises(EmptyCorpus, match=f"gives {reached} tokens, not {size}"):
            train_merges(counts, size)


def test_training_does_not_change_the_counts(real_counts: PretokenCounts) -> None:
    before = real_counts.data.copy(), real_counts.offsets.copy(), real_counts.counts.copy()
    assert train_merges(real_counts, 1_000) == train_merges(real_counts, 1_000)
    for old, new in zip(before, (real_counts.data, real_counts.offsets, real_counts.counts), strict=True):
        assert np.array_equal(old, new)


def test_a_word_of_ten_megabytes_is_learned_from_like_any_other() -> None:
    merges = train_merges(count_pretokens(["ب" * 5_000_000], pretoken_pattern()), 256 + 4)
    assert [left + right for left, right in merges] == [("ب" * times).encode() for times in (1, 2, 4, 8)]


def test_no_text_is_an_error() -> None:
    with pytest.raises(EmptyCorpus, match=r"no text.*check the quotas"):
        train_merges(PretokenCounts.of({}), 300)


def test_options_out_of_range_are_refused() -> None:
    counts = PretokenCounts.of({b"abab": 3})
    with pytest.raises(VocabularyError, match="size = 255"):
        train_merges(counts, 255)
    with pytest.raises(OptionError, match="min_count = 0"):
        train_merges(counts, 257, min_count=0)
    with pytest.raises(OptionError, match="max_bytes = 1"):
        train_merges(counts, 257, max_bytes=1)
    assert train_merges(counts, 256) == []
