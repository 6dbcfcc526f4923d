"""How far the ends of a tokenizer's tokens are ends of morphemes: the one definition that every table uses.

A word is encoded as it stands in running text, after a space, and the ends of tokens inside it are compared with the
true boundaries between its morphemes. The truth is gold segmentation (`gold.read_gold`), or what a segmenter says of
the words of a text (`segmented`). Places are counted in bytes: a token that ends within a character is a boundary
found that is none. Figures are micro-averages over the tokens of the gold, as for segmenters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from tokenization.morphology.gold import Score, score
from tokenization.morphology.segmenter import Boundaries, Segmenter, word_boundaries

Encode = Callable[[str], Sequence[bytes]]
"""The tokens of a text, as bytes that join to it: `lambda text: [t.pieces[at] for at in t.encode(text)]`."""


def align(encode: Encode, gold: Sequence[tuple[str, Boundaries]]) -> Score:
    """Score token ends inside words as morpheme boundaries; `Score.crossed` are words whose morphemes a token joins.

    `gold` are words, once for each time they occur, with their cuts in characters.
    """
    truth, token_ends = [], {}
    for word, boundaries in gold:
        if word not in token_ends:
            ends = list(accumulate(map(len, encode(f" {word}"))))
            token_ends[word] = tuple(end - 1 for end in ends[:-1] if end > 1)  # the space is no part of the word
        truth.append((word, tuple(len(word[:boundary].encode()) for boundary in boundaries)))
    return score(truth, token_ends)


def segment_words(words: Iterable[str], segmenter: Segmenter) -> list[tuple[str, Boundaries]]:
    """Words with the cuts of a segmenter: what `align` takes where there is no gold."""
    kept = list(words)
    types = list(dict.fromkeys(kept))
    boundaries = dict(zip(types, word_boundaries(segmenter, types), strict=True))
    return [(word, boundaries[word]) for word in kept]
