"""Reference implementation of normalisation in plain Python. The compiled passes are tested against it.

It needs no compilation and suits single texts. `corpora.cleaning.normalisation` is about twenty times faster on many
texts. CR LF is one line end.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Literal

import numpy as np

from corpora.cleaning.code_points import replacements, tashkeel

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
    text = unicodedata.normalize("NFC", text)
    if tashkeel_marks == "drop":
        marks = dict.fromkeys(np.flatnonzero(tashkeel()).tolist())
        text = unicodedata.normalize("NFC", text.translate(marks))
    return text
