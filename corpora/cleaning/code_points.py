"""Tables of normalisation: the replacement of each code point, and the step that it belongs to.

`corpora.cleaning.normalisation` documents the steps and the reasons for them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

STEPS = (
    "controls",
    "separators",
    "line ends",
    "tatweel",
    "invisible",
    "spaces",
    "presentation forms",
    "persian letters",
    "excess marks",
    "tashkeel",
    "nfc",
)
_STEP = {name: number for number, name in enumerate(STEPS)}
EXCESS, NFC, TASHKEEL = _STEP["excess marks"], _STEP["nfc"], _STEP["tashkeel"]

UNSURE = 255
"""Used instead of a combining class if the NFC quick check of the code point is No or Maybe."""

STARTER = 0x80
"""Bit of `mark_weights`."""

MOST_MARKS = 30
"""Largest number of combining marks in a run, as in the Stream-Safe Text Format (UAX #15, 13)."""

ZERO_WIDTH_SPACE = 0x200B

_CONTROLS = [*range(0x09), *range(0x0E, 0x1C), *range(0x7F, 0x85), *range(0x86, 0x95), *range(0x98, 0xA0)]
_SEPARATORS = {0x0B: "\n", 0x0C: "\n", 0x1C: "\n", 0x1D: "\n", 0x1E: "\n", 0x1F: " "}
_SEPARATORS |= {0x95: " ", 0x96: " ", 0x97: " "}
_LINE_ENDS = {0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n\n"}
_INVISIBLE = [0xAD, 0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, 0x2061, 0x2062, 0x2064]
_INVISIBLE += [*range(0x2066, 0x2070), 0xFEFF]
_SPACES = [0xA0, *range(0x2000, 0x200B), 0x202F, 0x2063, 0x3000]
_PERSIAN = {0x6A9: "\u0643", 0x6CC: "\u064a"}
_TASHKEEL = [*range(0x610, 0x61B), *range(0x64B, 0x660), 0x670, *range(0x6D6, 0x6DD), *range(0x6DF, 0x6E5)]
_TASHKEEL += [0x6E7, 0x6E8, *range(0x6EA, 0x6EE), *range(0x8D3, 0x8E2), *range(0x8E3, 0x900)]

Points = npt.NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Table:
    """Replacements of one pass, as arrays.

    action: number of the replacement of each code point, shape (0x110000,); 0 keeps the code point.
    step: index in STEPS of each replacement, shape (replacements + 1,).
    start: replacement k is `points[start[k]:start[k + 1]]`, shape (replacements + 2,).
    points: code points of all replacements, concatenated.
    growth: upper bound of (length of the output) / (length of the input).
    """

    action: npt.NDArray[np.uint16]
    step: npt.NDArray[np.uint8]
    start: npt.NDArray[np.int32]
    points: Points
    growth: int


@cache
def replacements(name: Literal["prose", "code"], fold: bool) -> dict[int, tuple[str, str]]:
    """Map each code point that a pass changes to (name of the step, replacement).

    name: the pass. fold: also replace Persian kaf and yeh by the Arabic letters.
    """
    replace = dict.fromkeys(_CONTROLS, ("controls", ""))
    replace[0x0D] = ("line ends", "\n")
    replace[0xFEFF] = ("invisible", "")
    if name == "code":  # a new line could end a comment; form feeds separate the pages of old source files
        replace |= {point: ("separators", " ") for point in _SEPARATORS if point != 0x0C}
    else:
        replace |= {point: ("separators", gap) for point, gap in _SEPARATORS.items()}
        replace |= {point: ("line ends", end) for point, end in _LINE_ENDS.items()}
        replace[0x640] = ("tatweel", "")
        replace |= dict.fromkeys(_INVISIBLE, ("invisible", ""))
        replace[ZERO_WIDTH_SPACE] = ("invisible", chr(ZERO_WIDTH_SPACE))  # its neighbours decide, after this pass
        replace |= dict.fromkeys(_SPACES, ("spaces", " "))
        fold_table = _PERSIAN if fold else {}
        replace |= {point: ("presentation forms", form.translate(fold_table)) for point, form in _forms().items()}
        replace |= {point: ("persian letters", letter) for point, letter in fold_table.items()}
    return replace


@cache
def table(name: Literal["prose", "code"], fold: bool) -> Table:
    """Return the `replacements` of a pass as arrays. The result is cached; do not modify it."""
    replace = replacements(name, fold)
    order = sorted(replace)
    action = np.zeros(0x110000, np.uint16)
    action[order] = np.arange(1, len(order) + 1)
    texts = [replace[point][1] for point in order]
    return Table(
        action,
        np.array([0, *(_STEP[replace[point][0]] for point in order)], np.uint8),
        np.cumsum([0, 0, *map(len, texts)], dtype=np.int32),
        np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32),
        max(1, *map(len, texts)),
    )


@cache
def tashkeel() -> npt.NDArray[np.bool_]:
    """Return a mask of the marks of vocalisation, shape (0x110000,). The result is cached; do not modify it."""
    marks = np.zeros(0x110000, np.bool_)
    marks[_TASHKEEL] = True
    return marks


def _forms() -> dict[int, str]:
    """Map each presentation form to its letters."""
    forms = {}
    for point in (*range(0xFB50, 0xFDD0), *range(0xFDFC, 0xFE00), *range(0xFE70, 0xFEFD)):
        tag = unicodedata.decomposition(chr(point)).partition(" ")[0]
        if tag not in ("<initial>", "<medial>", "<final>", "<isolated>"):
            continue
        letters = unicodedata.normalize("NFKC", chr(point)).replace("\u0640", "")
        if 0xFC5E <= point <= 0xFC63 or 0xFE70 <= point <= 0xFE7F:  # harakat on a space or tatweel
            letters = letters.replace(" ", "")
        if letters and " " not in letters:
            forms[point] = letters
    return forms


@cache
def unicode_classes() -> npt.NDArray[np.uint8]:
    """Return the canonical combining class of each code point, or UNSURE, shape (0x110000,).

    The classes are those of Python's Unicode database. The result is cached; do not modify it.
    """
    classes = np.zeros(0x110000, np.uint8)
    unsure = [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]  # Hangul jamo compose by arithmetic
    for point in (*range(0xC0, 0xD800), *range(0xE000, 0x20000), *range(0x2F800, 0x2FA20)):
        char = chr(point)
        classes[point] = unicodedata.combining(char)
        if not unicodedata.is_normalized("NFC", char):
            unsure.append(point)
        parts = unicodedata.decomposition(char).split(" ")
        if len(parts) == 2 and not parts[0].startswith("<"):
            unsure.append(int(parts[1], 16))  # may compose with the code point before it
    classes[unsure] = UNSURE
    return classes


@cache
def mark_weights() -> npt.NDArray[np.uint8]:
    """Return the number of combining marks in the canonical decomposition of each code point, shape (0x110000,).

    STARTER is added if the decomposition begins with another character than a mark; the marks then follow it. The
    result is cached; do not modify it.
    """
    weights = np.full(0x110000, STARTER, np.uint8)
    for point in (*range(0xC0, 0xD800), *range(0xE000, 0x20000)):
        char = chr(point)
        if unicodedata.combining(char) or unicodedata.decomposition(char):
            marks = [unicodedata.combining(part) > 0 for part in unicodedata.normalize("NFD", char)]
            weights[point] = sum(marks) if marks[0] else STARTER + sum(marks)
    return weights


@cache
def word_characters() -> npt.NDArray[np.uint8]:
    """Return 1 for letters and numbers, 2 for marks, 0 for other code points, shape (0x110000,).

    The result is cached; do not modify it.
    """
    words = np.ones(0x110000, np.uint8)
    words[:0x20000] = [
        {"L": 1, "N": 1, "M": 2}.get(unicodedata.category(chr(point))[0], 0) for point in range(0x20000)
    ]
    return words
