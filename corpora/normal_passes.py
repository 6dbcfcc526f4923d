"""The passes of normalisation over UTF-8: one through a table, and one that puts combining marks in order."""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from corpora.normal_tables import KEEP, MARK, MARKS, NFC, REPLACE, UNORDERED, UNSURE, Bytes, Table, unicode_classes

_LONGEST_RUN = 32


def rewrite(source: Bytes, table: Table, touched: npt.NDArray[np.int64]) -> tuple[Bytes, int]:
    """UTF-8 through the table, and what of MARKS and UNORDERED was seen."""
    target = np.empty(2 * source.size + 8, np.uint8)
    size, seen = _replace(source, table.action, table.step, table.start, table.marks, table.bytes, target, touched)
    return target[:size], seen


def nfc(data: Bytes, touched: npt.NDArray[np.int64]) -> Bytes:
    """UTF-8 in NFC; `data` is overwritten."""
    classes = unicode_classes()
    moved, sure = _order_marks(data, classes.order, classes.unsure)
    touched[NFC] += moved
    if sure:
        return data
    text = data.tobytes().decode()
    normal = unicodedata.normalize("NFC", text)
    if normal == text:
        return data
    touched[NFC] += max(1, abs(len(text) - len(normal)))
    return np.frombuffer(bytearray(normal.encode()), np.uint8)


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
