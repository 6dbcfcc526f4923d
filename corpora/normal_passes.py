"""The passes of normalisation over UTF-8: one through a table, and one that puts combining marks in order.

They take many texts at once, laid end to end: a call costs as much as normalising some hundred letters does.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from corpora.normal_tables import KEEP, MARK, MARKS, NFC, REPLACE, UNORDERED, UNSURE, Bytes, Table, unicode_classes

_LONGEST_RUN = 32

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts in UTF-8: text k is `data[bounds[k]:bounds[k + 1]]`."""

    data: Bytes
    bounds: Counts

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> Texts:
        """Texts laid end to end."""
        bounds = np.zeros(len(texts) + 1, np.int64)
        np.cumsum([len(text) for text in texts], out=bounds[1:])
        return cls(np.frombuffer(b"".join(texts), np.uint8), bounds)

    @property
    def sizes(self) -> Counts:
        """Bytes of each."""
        return np.diff(self.bounds)


def rewrite(texts: Texts, table: Table, touched: Counts) -> tuple[Texts, Bytes]:
    """The texts through the table, and what of MARKS and UNORDERED each showed; counts into `touched[k, step]`."""
    target = np.empty(table.growth * texts.data.size + 8, np.uint8)
    bounds, seen = np.zeros_like(texts.bounds), np.zeros(len(texts.bounds) - 1, np.uint8)
    _replace_all(
        texts.data,
        texts.bounds,
        table.action,
        table.step,
        table.start,
        table.marks,
        table.bytes,
        target,
        bounds,
        seen,
        touched,
    )
    return Texts(target[: bounds[-1]], bounds), seen


def nfc(texts: Texts, wanted: npt.NDArray[Any], touched: Counts) -> Texts:
    """The texts, those that are `wanted` in NFC; `texts` is overwritten."""
    classes = unicode_classes()
    moved, unsure = np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.uint8)
    _order_all(texts.data, texts.bounds, wanted, classes.order, classes.unsure, moved, unsure)
    touched[:, NFC] += moved
    changed: dict[int, bytes] = {}
    for number in np.flatnonzero(unsure):
        text = texts.data[texts.bounds[number] : texts.bounds[number + 1]].tobytes().decode()
        normal = unicodedata.normalize("NFC", text)
        if normal != text:
            touched[number, NFC] += max(1, abs(len(text) - len(normal)))
            changed[int(number)] = normal.encode()
    if not changed:
        return texts
    data = texts.data.tobytes()
    spans = zip(texts.bounds[:-1].tolist(), texts.bounds[1:].tolist(), strict=True)
    again = Texts.of([changed.get(number, data[start:stop]) for number, (start, stop) in enumerate(spans)])
    return Texts(again.data.copy(), again.bounds)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _replace(
    source: Any, action: Any, step: Any, start: Any, marks: Any, replacements: Any, target: Any, touched: Any
) -> Any:
    """Copy UTF-8 `source` to `target` through the table. Returns (bytes written, what was seen)."""
    out = 0
    copied = 0  # source bytes before this are in the target
    after_mark = -1  # where a mark would stand right after another
    seen = 0
    i = 0
    n = source.size
    while i < n:
        byte = source[i]
        if byte < 0x80:
            point, width = np.int64(byte), 1
        elif byte < 0xE0:
            point, width = (np.int64(byte & 0x1F) << 6) | (source[i + 1] & 0x3F), 2
        elif byte < 0xF0:
            point = (np.int64(byte & 0x0F) << 12) | (np.int64(source[i + 1] & 0x3F) << 6) | (source[i + 2] & 0x3F)
            width = 3
        else:
            point = (
                (np.int64(byte & 0x07) << 18)
                | (np.int64(source[i + 1] & 0x3F) << 12)
                | (np.int64(source[i + 2] & 0x3F) << 6)
                | (source[i + 3] & 0x3F)
            )
            width = 4
        what = action[point]
        if what == KEEP:
            i += width
            continue
        if what == MARK:
            seen |= MARKS | UNORDERED if after_mark == i else MARKS
            i += width
            after_mark = i
            continue
        if what == UNSURE:
            seen |= UNORDERED
            i += width
            after_mark = i
            continue
        for k in range(copied, i):
            target[out + k - copied] = source[k]
        out += i - copied
        which = what - REPLACE
        touched[step[which]] += 1
        # The carriage return of a CR LF goes; alone it is a line end.
        if not (point == 0x0D and i + 1 < n and source[i + 1] == 0x0A):
            for k in range(start[which], start[which + 1]):
                target[out] = replacements[k]
                out += 1
        if marks[which]:
            seen |= MARKS | UNORDERED
        if after_mark == i and start[which] == start[which + 1]:
            after_mark = i + width
        i += width
        copied = i
    for k in range(copied, n):
        target[out + k - copied] = source[k]
    return out + n - copied, seen


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _order_marks(data: Any, order: Any, unsure: Any) -> Any:
    """Put runs of combining marks in UTF-8 `data` into canonical order, in place. Returns how many marks were in runs
    that were not, and whether that is all there is to NFC here; if not, `data` is done in part."""
    points = np.empty(_LONGEST_RUN, np.int64)
    classes = np.empty(_LONGEST_RUN, np.int64)
    count, begin, moved = 0, 0, 0
    i = 0
    n = data.size
    while i <= n:
        mark = 0
        point, width = np.int64(0), 1
        if i < n:
            byte = data[i]
            if byte < 0x80:
                pass
            elif byte < 0xE0:
                point, width = (np.int64(byte & 0x1F) << 6) | (data[i + 1] & 0x3F), 2
            elif byte < 0xF0:
                point = (np.int64(byte & 0x0F) << 12) | (np.int64(data[i + 1] & 0x3F) << 6) | (data[i + 2] & 0x3F)
                width = 3
            else:
                point = (
                    (np.int64(byte & 0x07) << 18)
                    | (np.int64(data[i + 1] & 0x3F) << 12)
                    | (np.int64(data[i + 2] & 0x3F) << 6)
                    | (data[i + 3] & 0x3F)
                )
                width = 4
            if point >= 0x300:
                if unsure[point]:
                    return moved, False
                mark = int(order[point])
        if mark:
            if count == _LONGEST_RUN:
                return moved, False
            if count == 0:
                begin = i
            points[count], classes[count] = point, mark
            count += 1
        elif count:
            sorted_ = True
            for k in range(1, count):
                if classes[k] < classes[k - 1]:
                    sorted_ = False
            if not sorted_:
                moved += count
                for k in range(1, count):
                    a, b = points[k], classes[k]
                    j = k - 1
                    while j >= 0 and classes[j] > b:
                        points[j + 1], classes[j + 1] = points[j], classes[j]
                        j -= 1
                    points[j + 1], classes[j + 1] = a, b
                at = begin
                for k in range(count):
                    p = points[k]
                    if p < 0x800:
                        data[at] = 0xC0 | (p >> 6)
                        at += 1
                    elif p < 0x10000:
                        data[at] = 0xE0 | (p >> 12)
                        data[at + 1] = 0x80 | ((p >> 6) & 0x3F)
                        at += 2
                    else:
                        data[at] = 0xF0 | (p >> 18)
                        data[at + 1] = 0x80 | ((p >> 12) & 0x3F)
                        data[at + 2] = 0x80 | ((p >> 6) & 0x3F)
                        at += 3
                    data[at] = 0x80 | (p & 0x3F)
                    at += 1
            count = 0
        i += width
    return moved, True


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _replace_all(
    source: Any,
    bounds: Any,
    action: Any,
    step: Any,
    start: Any,
    marks: Any,
    replacements: Any,
    target: Any,
    target_bounds: Any,
    seen: Any,
    touched: Any,
) -> None:
    for k in range(seen.size):
        text = source[bounds[k] : bounds[k + 1]]
        out = target_bounds[k]
        size, saw = _replace(text, action, step, start, marks, replacements, target[out:], touched[k])
        target_bounds[k + 1] = out + size
        seen[k] = saw


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _order_all(data: Any, bounds: Any, wanted: Any, order: Any, unsure: Any, moved: Any, left: Any) -> None:
    """Order the marks of the texts that are wanted; `left` tells those for which that is not all there is to NFC."""
    for k in range(wanted.size):
        if wanted[k]:
            moved[k], sure = _order_marks(data[bounds[k] : bounds[k + 1]], order, unsure)
            left[k] = not sure
