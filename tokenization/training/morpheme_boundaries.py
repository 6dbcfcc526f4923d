"""How morpheme boundaries bear on which merges are learned; at inference the merges are those of any BPE.

none   they don't
hard   no merge across a boundary while learning (MorphBPE, Asgari et al. 2025). The same merges do cross at
       inference, which knows no boundaries: that mismatch is what it pays for
soft   a pair's score is its count inside morphemes - penalty x its count across boundaries, and a merge is
       applied everywhere, as inference will. The first `share` of the vocabulary is built so, the rest by
       plain counts: one dial between plain BPE's shortness and the morphemes

On top of any of them the pre-token pattern may set clitics apart (`pattern.pattern(clitics=True)`), at inference too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from tokenization.morphology import WORD, Segmenter, bare, word_boundaries
from tokenization.training.counts import PretokenCounts

HUNDREDTHS = 100  # scores are whole numbers: the penalty is taken in hundredths


def boundary_flags(counts: PretokenCounts, segmenter: Segmenter) -> NDArray[np.bool_]:
    """For each byte of `counts.data` whether a morpheme ends with it inside its pre-token.

    Words are the pre-tokens of Arabic letters and marks, with the space or sign before them set apart.
    """
    arabic = list(_words(counts))
    words = [word for _, word, _ in arabic]
    ends = np.zeros(len(counts.data), np.bool_)
    for (place, word, _), of_word in zip(arabic, word_boundaries(segmenter, words), strict=True):
        ends[[place + len(word[:boundary].encode()) - 1 for boundary in of_word]] = True
    return ends


def split_clitics(counts: PretokenCounts, pattern: str) -> PretokenCounts:
    """The pieces that a pattern with clitics cuts the pre-tokens of the plain one into, over the same bytes.

    Flags of `boundaries(counts, ...)` fit them as they are: a word is segmented whole, and then cut. Pieces stay in
    the order of the words they come from, so that equal pieces may have unequal boundaries.
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
    """How often each Arabic word occurs, without marks: what some segmenters choose by."""
    total: Counter[str] = Counter()
    for _, word, count in _words(counts):
        total[bare(word)] += count
    return dict(total)


def _words(counts: PretokenCounts) -> Iterator[tuple[int, str, int]]:
    """Arabic words among the pre-tokens, without the space or sign before them: first byte, word, count."""
    for begin, (piece, count) in zip(counts.offsets.tolist(), counts.items(), strict=False):
        text = piece.decode(errors="replace")
        lead = 0 if WORD.fullmatch(text) else 1
        if WORD.fullmatch(text, lead):
            yield begin + len(text[:lead].encode()), text[lead:], count
