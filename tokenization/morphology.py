"""How morpheme boundaries bear on which merges are learned; at inference the merges are those of any BPE.

none   they don't
hard   no merge across a boundary while learning (MorphBPE, Asgari et al. 2025). The same merges do cross at
       inference, which knows no boundaries: that mismatch is what it pays for
soft   a pair's score is its count inside morphemes - penalty x its count across boundaries, and a merge is
       applied everywhere, as inference will. The first `share` of the vocabulary is built so, the rest by
       plain counts: one dial between plain BPE's shortness and the morphemes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tokenization.counts import Counts
from tokenization.errors import OptionError
from tokenization.segment import WORD, Segmenter, cut_words

Mode = Literal["none", "hard", "soft"]
HUNDREDTHS = 100  # scores are whole numbers: the penalty is taken in hundredths


@dataclass(frozen=True, slots=True)
class Morphology:
    """The mode, and for `soft` the penalty (λ, at least 0, in hundredths) and the share (above 0, at most 1).

    Raises OptionError, on construction, for values out of range.
    """

    mode: Mode = "none"
    penalty: float = 2.0
    share: float = 0.875

    def __post_init__(self) -> None:
        if self.mode not in ("none", "hard", "soft"):
            raise OptionError(f"morphology mode {self.mode!r}: choose none, hard or soft")
        if not 0 <= self.penalty <= 1000:
            raise OptionError(f"morphology penalty {self.penalty}: choose from 0 to 1000")
        if not 0 < self.share <= 1:
            raise OptionError(f"morphology share {self.share}: choose above 0 and at most 1")


def boundaries(counts: Counts, segmenter: Segmenter) -> NDArray[np.bool_]:
    """For each byte of `counts.data` whether a morpheme ends with it inside its pre-token.

    Words are the pre-tokens of Arabic letters and marks, with the space or sign before them set apart.
    """
    words, places = [], []
    for begin, (piece, _) in zip(counts.offsets.tolist(), counts.items(), strict=False):
        text = piece.decode(errors="replace")
        lead = 0 if WORD.fullmatch(text) else 1
        if WORD.fullmatch(text, lead):
            words.append(text[lead:])
            places.append(begin + len(text[:lead].encode()))
    ends = np.zeros(len(counts.data), np.bool_)
    for place, word, cuts in zip(places, words, cut_words(segmenter, words), strict=True):
        ends[[place + len(word[:cut].encode()) - 1 for cut in cuts]] = True
    return ends
