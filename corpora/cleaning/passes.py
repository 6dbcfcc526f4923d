"""Compiled passes of normalisation over code points: replacement through a table, and ordering of combining marks.

Each pass takes many texts, concatenated, because one call costs as much as normalising some hundred letters. Texts are
UTF-32: all code points have the same width, and Python converts between `str` and UTF-32 at the speed of memory.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from corpora.cleaning.code_points import (
    EXCESS,
    MOST_MARKS,
    NFC,
    STARTER,
    UNSURE,
    ZERO_WIDTH_SPACE,
    Points,
    Table,
    mark_weights,
    unicode_classes,
    word_characters,
)
from corpora.compiled import compiled

_ENCODING = "utf-32-le"
_LONGEST_RUN = 32
_FEWEST = 14
"""Smallest number of code points in a run of more than MOST_MARKS marks: a starter with three, and thirteen of two."""

StepCounts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """Concatenated texts as code points: text k is `points[bounds[k]:bounds[k + 1]]`.

    points: uint32 (code points of all texts,). bounds: int64 (texts + 1,).
    """

    points: Points
    bounds: StepCounts

    @classmethod
    def of(cls, texts: Sequence[str]) -> Texts:
        """Concatenate texts. Raises UnicodeEncodeError if one contains a lone surrogate."""
        points = np.frombuffer("".join(texts).encode(_ENCODING), np.uint32)
        return cls(points, _bounds([len(text) for text in texts]))

    def joined(self) -> str:
        """Return all texts as one string; text k is `[bounds[k]:bounds[k + 1]]` of it."""
        return self.points.tobytes().decode(_ENCODING)

    def sizes(self) -> StepCounts:
        """Return the UTF-8 bytes of each text, int64 (texts,)."""
        sizes = np.zeros(len(self.bounds) - 1, np.int64)
        _sizes(self.points, self.bounds, sizes)
        return sizes


def rewrite(texts: Texts, table: Table, touched: StepCounts) -> Texts:
    """Replace code points by `table`. Adds the replacements of text k in each step to `touched[k, step]`."""
    target, bounds = np.empty(table.growth * texts.points.size, np.uint32), np.zeros_like(texts.bounds)
    if _replace(
        texts.points, texts.bounds, table.action, table.step, table.start, table.points, target, bounds, touched
    ):
        _part(target, bounds, word_characters())
    return Texts(target[: bounds[-1]], bounds)


def cut_marks(texts: Texts, touched: StepCounts) -> Texts:
    """Cut every run of combining marks after MOST_MARKS, so that NFC needs time in proportion to the text.

    Overwrites `texts`; adds the marks cut from text k to `touched[k, EXCESS]`.
    """
    if not _has_long_run(texts.points, mark_weights()):
        return texts
    bounds = texts.bounds.copy()
    _cut(texts.points, bounds, mark_weights())
    touched[:, EXCESS] += np.diff(texts.bounds) - np.diff(bounds)
    return Texts(texts.points[: bounds[-1]], bounds)


def drop(texts: Texts, dropped: npt.NDArray[np.bool_], touched: StepCounts, step: int) -> Texts:
    """Remove the code points for which `dropped`, shape (0x110000,), is true.

    Adds the code points removed from text k to `touched[k, step]`.
    """
    target, bounds = np.empty_like(texts.points), np.zeros_like(texts.bounds)
    _drop(texts.points, texts.bounds, dropped, target, bounds)
    touched[:, step] += np.diff(texts.bounds) - np.diff(bounds)
    return Texts(target[: bounds[-1]], bounds)


def nfc(texts: Texts, touched: StepCounts) -> Texts:
    """Return the texts in NFC. Overwrites `texts`; adds the changed code points of text k to `touched[k, NFC]`."""
    unsure = np.full(len(touched), -1)
    _order(texts.points, texts.bounds, unicode_classes(), touched[:, NFC], unsure)
    pieces, lengths, done = [], np.diff(texts.bounds), 0
    for number in np.flatnonzero(unsure >= 0).tolist():
        start, stop = texts.bounds[number] + unsure[number], texts.bounds[number + 1]
        text = texts.points[start:stop].tobytes().decode(_ENCODING)
        normal = unicodedata.normalize("NFC", text)
        if normal != text:
            touched[number, NFC] += max(1, abs(len(text) - len(normal)))
            pieces += [texts.points[done:start], np.frombuffer(normal.encode(_ENCODING), np.uint32)]
            lengths[number] += len(normal) - len(text)
            done = stop
    if not pieces:
        return texts
    return Texts(np.concatenate([*pieces, texts.points[done:]]), _bounds(lengths))


def _bounds(lengths: Any) -> StepCounts:
    """Return the bounds of concatenated texts of these lengths, int64 (texts + 1,)."""
    bounds = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=bounds[1:])
    return bounds


@compiled(interpreted=True)
def _replace(
    source: Any,
    bounds: Any,
    action: Any,
    step: Any,
    start: Any,
    replacements: Any,
    target: Any,
    target_bounds: Any,
    touched: Any,
) -> Any:
    """Copy the texts to `target`, replaced through the table. Return the number of zero width spaces."""
    out = zero_width = 0
    for number in range(bounds.size - 1):
        text = source[bounds[number] : bounds[number + 1]]
        for i in range(text.size):
            point = text[i]
            replacement = action[point]
            if replacement == 0:
                target[out] = point
                out += 1
                continue
            touched[number, step[replacement]] += 1
            zero_width += point == ZERO_WIDTH_SPACE
            # CR is dropped before LF; a CR alone is a line end.
            if not (point == 0x0D and i + 1 < text.size and text[i + 1] == 0x0A):
                for k in range(start[replacement], start[replacement + 1]):
                    target[out] = replacements[k]
                    out += 1
        target_bounds[number + 1] = out
    return zero_width


@compiled(interpreted=True)
def _part(points: Any, bounds: Any, words: Any) -> None:
    """Replace each run of zero width spaces, in place: by a space after a word and before a letter or number, else by
    nothing."""
    out = begin = 0
    for number in range(bounds.size - 1):
        end, parted = bounds[number + 1], False
        first = out
        for i in range(begin, end):
            point = points[i]
            if point == ZERO_WIDTH_SPACE:
                parted = out > first and words[points[out - 1]] > 0
                continue
            if parted and words[point] == 1:
                points[out] = 0x20
                out += 1
            parted = False
            points[out] = point
            out += 1
        begin = end
        bounds[number + 1] = out


@compiled(interpreted=True)
def _has_long_run(points: Any, weights: Any) -> bool:
    """Return True if a run of _FEWEST or more marks may exist. Only one code point of so many is looked up."""
    for i in range(0, points.size, _FEWEST):
        if weights[points[i]] & STARTER:
            continue
        begin, end = i, i
        while begin > 0 and i - begin < _FEWEST and not weights[points[begin - 1]] & STARTER:
            begin -= 1
        while end < points.size and end - i < _FEWEST and not weights[points[end]] & STARTER:
            end += 1
        if end - begin >= _FEWEST:
            return True
    return False


@compiled(interpreted=True)
def _cut(points: Any, bounds: Any, weights: Any) -> None:
    """Remove the marks after the first MOST_MARKS of each run, in place."""
    out = begin = 0
    for number in range(bounds.size - 1):
        end = bounds[number + 1]
        run: Any = 0
        for i in range(begin, end):
            weight = np.int64(weights[points[i]])
            run = weight - STARTER if weight >= STARTER else run + weight
            if weight < STARTER and run > MOST_MARKS:
                run -= weight
                continue
            points[out] = points[i]
            out += 1
        begin = end
        bounds[number + 1] = out


@compiled(interpreted=True)
def _drop(source: Any, bounds: Any, dropped: Any, target: Any, target_bounds: Any) -> None:
    """Copy the code points that are not dropped. The loop has no branch, because the positions of marks in vocalised
    text are hard to predict for the processor."""
    out = 0
    for number in range(bounds.size - 1):
        text = source[bounds[number] : bounds[number + 1]]
        for i in range(text.size):
            target[out] = text[i]
            out += not dropped[text[i]]
        target_bounds[number + 1] = out


@compiled(interpreted=True)
def _order(points: Any, bounds: Any, classes: Any, moved: Any, unsure: Any) -> None:
    """Put runs of combining marks into canonical order, in place.

    moved: the marks in runs that were out of order are added to `moved[k]` for text k.
    unsure: set to the index in text k of the first code point that `unicodedata` must process, which is no mark;
    unchanged if there is none.
    """
    for number in range(bounds.size - 1):
        text = points[bounds[number] : bounds[number + 1]]
        before = 0
        for i in range(text.size):
            current = classes[text[i]]
            if (current < before) & (current > 0) | (current == UNSURE):  # bit operations: one branch, rarely taken
                begin, end = i, i
                while begin > 0 and classes[text[begin - 1]]:
                    begin -= 1
                while end < text.size and 0 < classes[text[end]] < UNSURE:
                    end += 1
                if end - begin > _LONGEST_RUN or (end < text.size and classes[text[end]] == UNSURE):
                    unsure[number] = max(0, begin - 1)
                    break
                moved[number] += end - begin
                for k in range(begin + 1, end):
                    mark = text[k]
                    j = k
                    while j > begin and classes[text[j - 1]] > classes[mark]:
                        text[j] = text[j - 1]
                        j -= 1
                    text[j] = mark
                current = classes[text[i]]
            before = current


@compiled(interpreted=True)
def _sizes(points: Any, bounds: Any, sizes: Any) -> None:
    for number in range(sizes.size):
        text = points[bounds[number] : bounds[number + 1]]
        size = text.size
        for i in range(text.size):
            if text[i] > 0x7F:
                size += 1
            if text[i] > 0x7FF:
                size += 1
            if text[i] > 0xFFFF:
                size += 1
        sizes[number] = size
