"""The alignment of tokens with morphemes: how many token ends inside words are morpheme boundaries.

Each word is encoded after a space, as in running text, and the ends of its tokens are compared with the true
boundaries of its morphemes. The truth is gold segmentation (`gold.read_gold`), or the output of a segmenter
(`segment_words`). Positions are counted in bytes: a token that ends inside a character is a predicted boundary that is
false. A word that a tokenizer changes has no positions, and counts as a single token. Figures are micro-averages over
word occurrences, as for segmenters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from tokenization.morphology.gold import Score, score
from tokenization.morphology.segmenter import Boundaries, Segmenter, word_boundaries

Encode = Callable[[str], Sequence[bytes]]
"""Returns the tokens of a word after a space as bytes, together a space and the word: `Tokenizer.split_word`."""


def align(encode: Encode, gold: Sequence[tuple[str, Boundaries]]) -> Score:
    """Score the token ends inside words as predicted morpheme boundaries.

    `gold`: words, one entry for each occurrence, with their boundaries in characters. `Score.crossed` counts the words
    in which a token contains parts of two morphemes.
    """
    truth, token_ends = [], {}
    for word, boundaries in gold:
        if word not in token_ends:
            pieces = encode(word)
            ends = list(accumulate(map(len, pieces))) if b"".join(pieces) == f" {word}".encode() else []
            token_ends[word] = tuple(end - 1 for end in ends[:-1] if end > 1)  # without the space
        truth.append((word, tuple(len(word[:boundary].encode()) for boundary in boundaries)))
    return score(truth, token_ends)


def segment_words(words: Iterable[str], segmenter: Segmenter) -> list[tuple[str, Boundaries]]:
    """Return words with the boundaries of a segmenter, as input for `align` without gold."""
    kept = list(words)
    types = list(dict.fromkeys(kept))
    boundaries = dict(zip(types, word_boundaries(segmenter, types), strict=True))
    return [(word, boundaries[word]) for word in kept]
