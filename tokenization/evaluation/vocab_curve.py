"""The effect of the vocabulary size: plain BPE of several sizes, trained on one text and measured on another.

The merges of a smaller vocabulary are the first merges of a larger one, because plain BPE depends only on earlier
merges. So one training gives all sizes, and each equals a training at that size (a test checks this).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tokenization.errors import EmptyCorpus, OptionError
from tokenization.evaluation.fertility import bytes_per_token, tokens_per_word
from tokenization.evaluation.token_counts import measure
from tokenization.model import TOKENIZER_JSON, Encoder, Merge, Tokenizer, Vocabulary, VocabularyLayout, tokenizer_files

if TYPE_CHECKING:
    from tokenization.training import PretokenCounts


def train_sizes(counts: PretokenCounts, pattern: str, sizes: Sequence[int]) -> dict[int, Tokenizer]:
    """Return a plain tokenizer without special tokens for each size.

    Raises OptionError for sizes below 257, EmptyCorpus with the largest possible size if the text gives too few
    tokens.
    """
    if not sizes or min(sizes) < 257:
        raise OptionError(f"sizes {', '.join(map(str, sizes))}: choose 257 or more (256 bytes and one merge)")
    from tokenization.training import train_merges  # numba: 0.4 s

    merges = train_merges(counts, max(sizes))
    return {size: _tokenizer(merges, size, pattern) for size in sorted(set(sizes))}


def vocabulary_curve(tokenizers: Mapping[int, Tokenizer], groups: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Return, for each size, tokens per word and bytes per token of each group of texts and of all groups."""
    points = []
    for size, tokenizer in tokenizers.items():
        encoder = Encoder(tokenizer)
        counters = {name: measure(encoder, texts) for name, texts in groups.items()}
        counters = {name: counter for name, counter in counters.items() if counter["words"]}
        if not counters:
            raise EmptyCorpus("the held-out texts contain no word: measure on more documents")
        first, *others = counters.values()
        shown = {**counters, "all": sum(others, first)}
        points.append(
            {
                "size": size,
                "tokens_per_word": {name: tokens_per_word(counter) for name, counter in shown.items()},
                "bytes_per_token": {name: bytes_per_token(counter) for name, counter in shown.items()},
            }
        )
    return points


def _tokenizer(merges: Sequence[Merge], size: int, pattern: str) -> Tokenizer:
    tokens = {bytes([byte]) for byte in range(256)}
    kept = []
    for left, right in merges:
        if len(tokens) == size:
            break
        tokens.add(left + right)
        kept.append((left, right))
    vocabulary = Vocabulary(VocabularyLayout(size, {}), tuple(kept))
    return Tokenizer(
        tokenizer_files(vocabulary, pattern, {})[TOKENIZER_JSON], name=f"plain {size:,}", meta={}, roles={}
    )
