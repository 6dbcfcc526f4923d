"""The effect of morpheme boundaries on the merges that are learned. Encoding applies merges as in any BPE tokenizer.

    none   boundaries have no effect
    hard   no merge across a boundary during training (MorphBPE, Asgari et al. 2025). During encoding the same merges
           do cross boundaries, which are unknown then: this mismatch is the weakness of the mode
    soft   the score of a pair is its count inside morphemes - penalty x its count across boundaries, and a merge is
           applied everywhere, as in encoding. The first `share` of the vocabulary is built this way, the rest by plain
           counts. The share trades short texts (plain BPE) against morphemes

With any mode the pre-token pattern can also split off clitics (`pretoken_pattern(clitics=True)`), in encoding too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from tokenization.morphology import WORD, Segmenter, bare, word_boundaries
from tokenization.training.counts import PretokenCounts

HUNDREDTHS = 100  # scores are integers: the penalty is multiplied by this


def boundary_flags(counts: PretokenCounts, segmenter: Segmenter) -> NDArray[np.bool_]:
    """Return bool [bytes of `counts.data`]: whether a morpheme ends with the byte, inside its pre-token.

    Words are the pre-tokens of Arabic letters and marks, without the space or sign before them.
    """
    arabic = list(_words(counts))
    words = [word for _, word, _ in arabic]
    ends = np.zeros(len(counts.data), np.bool_)
    for (place, word, _), of_word in zip(arabic, word_boundaries(segmenter, words), strict=True):
        ends[[place + len(word[:boundary].encode()) - 1 for boundary in of_word]] = True
    return ends


def split_clitics(counts: PretokenCounts, pattern: str) -> PretokenCounts:
    """Return the pieces of a pattern with clitics, made from the pre-tokens of the plain pattern, over the same
    bytes.

    The flags of `boundary_flags(counts, ...)` remain valid: a word is segmented whole, and then split. Pieces keep the
    order of their words, so that equal pieces with different boundaries remain separate entries.
    """
    from tokenizers import Regex, pre_tokenizers

    engine = pre_tokenizers.Split(Regex(pattern), "isolated")
    begins: list[int] = []
    times: list[int] = []
    for begin, (piece, count) in zip(counts.offsets.tolist(), counts.items(), strict=False):
        text = piece.decode()
        pieces = engine.pre_tokenize_str(text) if WORD.search(text) else [(text, None)]
        sizes = [len(part.encode()) for part, _ in pieces]
        begins.extend(accumulate(sizes[:-1], initial=begin))
        times.extend([count] * len(sizes))
    return PretokenCounts(counts.data, np.array([*begins, len(counts.data)], np.int64), np.array(times, np.int64))


def word_counts(counts: PretokenCounts) -> dict[str, int]:
    """Return the number of occurrences of each Arabic word, without marks."""
    total: Counter[str] = Counter()
    for _, word, count in _words(counts):
        total[bare(word)] += count
    return dict(total)


def _words(counts: PretokenCounts) -> Iterator[tuple[int, str, int]]:
    """Yield the Arabic words among the pre-tokens, without the space or sign before them: first byte, word, count."""
    for begin, (piece, count) in zip(counts.offsets.tolist(), counts.items(), strict=False):
        text = piece.decode(errors="replace")
        lead = 0 if WORD.fullmatch(text) else 1
        if WORD.fullmatch(text, lead):
            yield begin + len(text[:lead].encode()), text[lead:], count
