r"""Character classes (letters, marks, digits, white space) as the reference engine defines them.

Unicode grows every year, and Python, Oniguruma and Rust adopt versions at different times. A table that must agree
with the pre-token pattern is therefore made by running the engine's own classes (`\p{L}`, `\p{M}`, `\p{N}`, `\s`) over
every code point with `tokenizers`, once per process (0.2 s).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

LETTER, MARK, NUMBER, SPACE = 1, 2, 4, 8
_PROPERTIES = {LETTER: r"\p{L}", MARK: r"\p{M}", NUMBER: r"\p{N}", SPACE: r"\s"}
_CODE_POINTS = 0x110000
# Planes 4 to 13 and all but 4,096 code points of plane 14 are unassigned; planes 15 and 16 are for private use.
_ASSIGNED = [*range(0xD800), *range(0xE000, 0x40000), *range(0xE0000, 0xE1000)]
_CHUNK = 4096  # code points at a time: the engine takes more than linear time


@cache
def character_classes() -> NDArray[np.uint8]:
    """Return uint8 [1,114,112]: bits LETTER, MARK, NUMBER, SPACE of each code point. The array is read-only."""
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
