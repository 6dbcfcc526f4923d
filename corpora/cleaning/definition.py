"""Reference implementation of normalisation in plain Python. The compiled passes are tested against it.

It needs no compilation and suits single texts. `corpora.cleaning.normalisation` is about twenty times faster on many
texts. CR LF is one line end.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Literal

import numpy as np

from corpora.cleaning.code_points import (
    MOST_MARKS,
    STARTER,
    ZERO_WIDTH_SPACE,
    mark_weights,
    replacements,
    tashkeel,
    word_characters,
)

if TYPE_CHECKING:
    from corpora.sources.base import Profile


def normalised(
    text: str, *, arabic: bool = True, tashkeel_marks: Literal["keep", "drop"] = "keep", profile: Profile = "prose"
) -> str:
    """Return `text` normalised, step by step as listed in `corpora.cleaning.normalisation`.

    arabic: replace Persian kaf and yeh by the Arabic letters. tashkeel_marks: keep or drop the marks of vocalisation.
    profile: "prose", "code" (only line ends, controls and byte order marks change) or "verbatim" (no change).
    """
    if profile == "verbatim":
        return text
    changes = {point: new for point, (_, new) in replacements(profile, arabic and profile == "prose").items()}
    text = text.replace("\r\n", "\n").translate(changes)
    if profile == "code":
        return text
    text = unicodedata.normalize("NFC", _without_excess_marks(_parted(text)))
    if tashkeel_marks == "drop":
        marks = dict.fromkeys(np.flatnonzero(tashkeel()).tolist())
        text = unicodedata.normalize("NFC", text.translate(marks))
    return text


def _parted(text: str) -> str:
    """Replace each run of zero width spaces: by a space after a word and before a letter or number, else by
    nothing."""
    if chr(ZERO_WIDTH_SPACE) not in text:
        return text
    words = word_characters()
    parted = ""
    for part in text.split(chr(ZERO_WIDTH_SPACE)):
        gap = parted and part and words[ord(parted[-1])] and words[ord(part[0])] == 1
        parted += f" {part}" if gap else part
    return parted


def _without_excess_marks(text: str) -> str:
    """Cut every run of combining marks after MOST_MARKS, counted in canonical decomposition."""
    weights = mark_weights()[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)]
    if (weights >= STARTER).all():
        return text
    kept, run = [], 0
    for char, weight in zip(text, weights.tolist(), strict=True):
        run = weight - STARTER if weight >= STARTER else run + weight
        if weight < STARTER and run > MOST_MARKS:
            run -= weight
        else:
            kept.append(char)
    return "".join(kept)
