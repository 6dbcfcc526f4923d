r"""Which characters are letters, marks, digits and white space: asked from the engine that encodes.

Unicode grows every year, and Python, Oniguruma and Rust follow at their own pace. A table that has to agree with
the pre-token pattern is therefore made by running its own classes (`\p{L}`, `\p{M}`, `\p{N}`, `\s`) over every
code point with `tokenizers`, once in a process (0.2 s).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

LETTER, MARK, NUMBER, SPACE = 1, 2, 4, 8
_PROPERTIES = {LETTER: r"\p{L}", MARK: r"\p{M}", NUMBER: r"\p{N}", SPACE: r"\s"}
_CODE_POINTS = 0x110000
# Planes 4 to 13 are unassigned, of plane 14 only its first 4,096 code points are, 15 and 16 are for private use.
_ASSIGNED = [*range(0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE1000)]
_CHUNK = 4096  # the engine's time grows faster than the text


@cache
def character_classes() -> NDArray[np.uint8]:
    """Bits LETTER, MARK, NUMBER, SPACE for each of the 1,114,112 code points."""
    from tokenizers import Regex, pre_tokenizers

    table = np.zeros(_CODE_POINTS, np.uint8)
    for bit, property_ in _PROPERTIES.items():
        split = pre_tokenizers.Split(Regex(property_ + "+"), "removed")
        for begin in range(0, len(_ASSIGNED), _CHUNK):
            points = np.array(_ASSIGNED[begin : begin + _CHUNK])
            inside = np.ones(len(points), np.bool_)
            for _, (first, end) in split.pre_tokenize_str("".join(map(chr, points.tolist()))):
                inside[first:end] = False
            table[points[inside]] |= bit
    table.setflags(write=False)
    return table
