"""What a larger vocabulary would buy: plain BPE of several sizes, learned from one text, measured on another.

The merges of a smaller vocabulary are the first ones of a larger: plain BPE looks only at what it has merged before.
So one training gives every size, and each is what training at that size would have given (tests hold it to that).
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
    """A plain tokenizer for each size, without special tokens. Raises EmptyCorpus, naming the largest size that the
    text gives, OptionError for sizes below 257."""
    if not sizes or min(sizes) < 257:
        raise OptionError(
            f"sizes {', '.join(map(str, sizes))}: a vocabulary holds the 256 bytes and at least one more"
        )
    from tokenization.training import train_merges  # numba: 0.4 s

    merges = train_merges(counts, max(sizes))
    return {size: _tokenizer(merges, size, pattern) for size in sorted(set(sizes))}


def vocabulary_curve(tokenizers: Mapping[int, Tokenizer], groups: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """For each size tokens per word and bytes per token, of each group of texts and of all."""
    points = []
    for size, tokenizer in tokenizers.items():
        encoder = Encoder(tokenizer)
        counters = {name: measure(encoder, texts) for name, texts in groups.items()}
        counters = {name: counter for name, counter in counters.items() if counter["words"]}
        if not counters:
            raise EmptyCorpus("the texts that were kept aside hold no word: measure on more documents")
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
    known = {bytes([byte]) for byte in range(256)}
    taken = []
    for left, right in merges:
        if len(known) == size:
            break
        known.add(left + right)
        taken.append((left, right))
    vocabulary = Vocabulary(VocabularyLayout(size, {}), tuple(taken))
    return Tokenizer(
        tokenizer_files(vocabulary, pattern, {})[TOKENIZER_JSON], name=f"plain {size:,}", meta={}, roles={}
    )
