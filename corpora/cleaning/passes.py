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
from numba import njit

from corpora.cleaning.code_points import NFC, UNSURE, Points, Table, unicode_classes

_ENCODING = "utf-32-le"
_LONGEST_RUN = 32

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
    _replace(texts.points, texts.bounds, table.action, table.step, table.start, table.points, target, bounds, touched)
    return Texts(target[: bounds[-1]], bounds)


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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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
) -> None:
    """Copy the texts to `target`, replaced through the table."""
    out = 0
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
            # CR is dropped before LF; a CR alone is a line end.
            if not (point == 0x0D and i + 1 < text.size and text[i + 1] == 0x0A):
                for k in range(start[replacement], start[replacement + 1]):
                    target[out] = replacements[k]
                    out += 1
        target_bounds[number + 1] = out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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
