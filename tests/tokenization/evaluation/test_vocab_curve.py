"""One training gives every size, and each is what training at that size gives."""

import pytest

from tokenization.errors import EmptyCorpus, OptionError
from tokenization.evaluation.fertility import tokens_per_word
from tokenization.evaluation.token_counts import measure
from tokenization.evaluation.vocab_curve import curve, of_sizes
from tokenization.model.encode import Encoder
from tokenization.model.pattern import pattern
from tokenization.training import bpe
from tokenization.training.counts import Counts


def test_each_size_is_what_training_at_that_size_gives(real_counts: Counts, real_text: list[str]) -> None:
    made = of_sizes(real_counts, pattern(), [2_000, 600])
    assert list(made) == [600, 2_000]
    for size, tokenizer in made.items():
        merges = bpe.train(real_counts, size)
        assert tokenizer.vocab_size == size
        assert [left + right for left, right in merges if left + right not in tokenizer.pieces] == []
        assert set(tokenizer.pieces[256:]) == {left + right for left, right in merges}
    points = curve(made, {"arabic": real_text[:2], "none": [" "]})
    assert [point["size"] for point in points] == [600, 2_000]
    expected = tokens_per_word(measure(Encoder(made[600]), real_text[:2]))
    assert points[0]["tokens_per_word"] == {"arabic": expected, "all": expected}
    assert points[1]["tokens_per_word"]["all"] < points[0]["tokens_per_word"]["all"]


def test_sizes_that_cannot_be_are_refused(real_counts: Counts) -> None:
    with pytest.raises(OptionError, match="sizes 256: a vocabulary holds"):
        of_sizes(real_counts, pattern(), [256])
    with pytest.raises(EmptyCorpus, match="the text gives"):
        of_sizes(Counts.of({b"ab": 3}), pattern(), [300])
    with pytest.raises(EmptyCorpus, match="hold no word"):
        curve(of_sizes(real_counts, pattern(), [300]), {"blank": [" "]})
