"""Whether a chunk of text is an address as a whole: then spaCy's rules leave it as one word.

The rule is the pattern `URL_PATTERN` of spacy/lang/tokenizer_exceptions.py (after Mathias Bynens and Diego Perini): an
optional scheme, optional credentials, a public IPv4 address or a host name, an optional port, an optional path. Each
of its parts can end in one place only, so that a single look from left to right says what the backtracking pattern
says, in linear time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from corpora.quality.arabic_words_tables import DECIMAL, LOWER, WORD

_ZERO, _NINE, _DOT, _COLON, _SLASH, _AT, _QUESTION, _HASH = 0x30, 0x39, 0x2E, 0x3A, 0x2F, 0x40, 0x3F, 0x23
_PLUS, _MINUS, _LOW_LINE = 0x2B, 0x2D, 0x5F


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def is_url(text: Any, start: int, stop: int, classes: Any) -> Any:
    """Whether text[start:stop], code points without white space, is an address."""
    if _from_host(text, start, stop, classes):
        return True
    place = start
    while place < stop and (classes[text[place]] & WORD or text[place] in (_PLUS, _MINUS, _DOT)):
        place += 1
    scheme = place - start >= 2 and place + 3 <= stop and text[place] == _COLON
    if (
        scheme
        and text[place + 1] == _SLASH
        and text[place + 2] == _SLASH
        and _from_host(text, place + 3, stop, classes)
    ):
        return True
    for place in range(start + 1, stop):  # noqa: SIM110 - a compiled loop
        if text[place] == _AT and _from_host(text, place + 1, stop, classes):
            return True
    return False


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _from_host(text: Any, start: int, stop: int, classes: Any) -> Any:
    """Whether text[start:stop] is a host name or address, with or without port and path."""
    if start < stop and _ZERO < text[start] <= _NINE:
        end = _address_end(text, start, stop, classes)
        if end and _ends(text, end, stop, classes):
            return True
    place, labels = start, 0
    while True:
        end = place
        while end < stop and (_in_label(text[end]) or text[end] == _LOW_LINE or text[end] == _MINUS):
            end += 1
        if end == stop or text[end] != _DOT:
            break
        if not 1 <= end - place <= 64 or not _in_label(text[place]) or not _in_label(text[end - 1]):
            return False
        labels += 1
        place = end + 1
    end = place
    while end < stop and classes[text[end]] & LOWER:
        end += 1
    return labels > 0 and 2 <= end - place <= 63 and _ends(text, end, stop, classes)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _in_label(char: Any) -> Any:
    return (
        0x61 <= char <= 0x7A or 0xA1 <= char <= 0xFFFF or 0x41 <= char <= 0x5A or _ZERO <= char <= _NINE
    )  # fmt: skip


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _ends(text: Any, place: int, stop: int, classes: Any) -> Any:
    """Whether only a port and a path follow, or nothing."""
    if place < stop and text[place] == _COLON:
        end = place + 1
        while end < stop and classes[text[end]] & DECIMAL:
            end += 1
        if not 2 <= end - place - 1 <= 5:
            return False
        place = end
    return place == stop or text[place] == _SLASH or text[place] == _QUESTION or text[place] == _HASH


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _address_end(text: Any, start: int, stop: int, classes: Any) -> Any:
    """Where a public IPv4 address ends, 0 if there is none. Later digits of a number may be of any script."""
    place = start
    first: Any = 0
    for number in range(4):
        if number:
            if place >= stop or text[place] != _DOT:
                return 0
            place += 1
        end = place
        while end < stop and classes[text[end]] & DECIMAL:
            end += 1
        if not _is_octet(text, place, end, number):
            return 0
        value = _number(text, place, end)
        if number == 0:
            first = value
        elif number == 1:
            twenties = end - place == 2 and text[place] == 0x32
            if first == 172 and (twenties or value in (16, 17, 18, 19, 30, 31)):
                return 0
            if (first == 169 and value == 254) or (first == 192 and value == 168):
                return 0
        place = end
    return 0 if first in (10, 127) else place


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _number(text: Any, start: int, stop: int) -> Any:
    """The value of ASCII digits without a leading zero, -1 of others."""
    value: Any = -1 if text[start] == _ZERO else 0
    for place in range(start, stop):
        value = value * 10 + (np.int64(text[place]) - _ZERO) if value >= 0 and text[place] <= _NINE else -1
    return value


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _is_octet(text: Any, start: int, stop: int, number: int) -> Any:
    """Whether a run of digits is the first (1 to 223), a middle (0 to 255) or the last (1 to 254) of an address."""
    length = stop - start
    if not 1 <= length <= 3:
        return False
    lead = text[start]
    if length < 3:
        return number in (1, 2) or _ZERO < lead <= _NINE
    if lead == 0x31:
        return True
    if lead != 0x32:
        return False
    second, third = text[start + 1], text[start + 2]
    if number == 0:
        return second in (0x30, 0x31) or (second == 0x32 and 0x30 <= third <= 0x33)
    return 0x30 <= second <= 0x34 or (second == 0x35 and 0x30 <= third <= (0x34 if number == 3 else 0x35))
