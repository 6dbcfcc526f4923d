"""One training gives all sizes, and each equals a training at that size."""

import pytest

from tokenization.errors import EmptyCorpus, OptionError
from tokenization.evaluation import measure, tokens_per_word, train_sizes, vocabulary_curve
from tokenization.model import Encoder, pretoken_pattern
from tokenization.training import PretokenCounts, train_merges


def test_each_size_is_what_training_at_that_size_gives(real_counts: PretokenCounts, real_text: list[str]) -> None:
    tokenizers = train_sizes(real_counts, pretoken_pattern(), [2_000, 600])
    assert list(tokenizers) == [600, 2_000]
    for size, tokenizer in tokenizers.items():
        merges = train_merges(real_counts, size)
        assert tokenizer.vocab_size == size
        assert [left + right for left, right in merges if left + right not in tokenizer.pieces] == []
        assert set(tokenizer.pieces[256:]) == {left + right for left, right in merges}
    points = vocabulary_curve(tokenizers, {"arabic": real_text[:2], "none": [" "]})
    assert [point["size"] for point in points] == [600, 2_000]
    expected = tokens_per_word(measure(Encoder(tokenizers[600]), real_text[:2]))
    assert points[0]["tokens_per_word"] == {"arabic": expected, "all": expected}
    assert points[1]["tokens_per_word"]["all"] < points[0]["tokens_per_word"]["all"]


def test_sizes_that_cannot_be_are_refused(real_counts: PretokenCounts) -> None:
    with pytest.raises(OptionError, match="sizes 256: choose 257 or more"):
        train_sizes(real_counts, pretoken_pattern(), [256])
    with pytest.raises(EmptyCorpus, match="the text gives"):
        train_sizes(PretokenCounts.of({b"ab": 3}), pretoken_pattern(), [300])
    with pytest.raises(EmptyCorpus, match=r"no word.*more documents"):
        vocabulary_curve(train_sizes(real_counts, pretoken_pattern(), [300]), {"blank": [" "]})
