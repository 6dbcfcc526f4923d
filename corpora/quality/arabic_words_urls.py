"""Detection of web addresses. A chunk of text that is an address as a whole is one word in spaCy.

The rule is the pattern `URL_PATTERN` of spacy/lang/tokenizer_exceptions.py (after Mathias Bynens and Diego Perini): an
optional scheme, optional credentials, a public IPv4 address or a host name, an optional port, an optional path. The
end of each part is unique. One pass from left to right therefore gives the same result as the backtracking pattern, in
linear time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from corpora.compiled import compiled
from corpora.quality.arabic_words_tables import DECIMAL, LOWER, WORD

_ZERO, _NINE, _DOT, _COLON, _SLASH, _AT, _QUESTION, _HASH = 0x30, 0x39, 0x2E, 0x3A, 0x2F, 0x40, 0x3F, 0x23
_PLUS, _MINUS, _LOW_LINE = 0x2B, 0x2D, 0x5F


@compiled()
def is_url(text: Any, start: int, stop: int, classes: Any) -> Any:
    """Return whether text[start:stop], code points without white space, is an address.

    classes: see `corpora.quality.arabic_words_tables.Tables`.
    """
    if _from_host(text, start, stop, classes):
        return True
    position = start
    while position < stop and (classes[text[position]] & WORD or text[position] in (_PLUS, _MINUS, _DOT)):
        position += 1
    scheme = position - start >= 2 and position + 3 <= stop and text[position] == _COLON
    if (
        scheme
        and text[position + 1] == _SLASH
        and text[position + 2] == _SLASH
        and _from_host(text, position + 3, stop, classes)
    ):
        return True
    for position in range(start + 1, stop):
        if text[position] == _AT and _from_host(text, position + 1, stop, classes):
            return True
    return False


@compiled()
def _from_host(text: Any, start: int, stop: int, classes: Any) -> Any:
    """Return whether text[start:stop] is a host name or IPv4 address, with or without port and path."""
    if start < stop and _ZERO < text[start] <= _NINE:
        end = _address_end(text, start, stop, classes)
        if end and _ends(text, end, stop, classes):
            return True
    label, labels = start, 0
    while True:
        end = label
        while end < stop and (_in_label(text[end]) or text[end] == _LOW_LINE or text[end] == _MINUS):
            end += 1
        if end == stop or text[end] != _DOT:
            break
        if not 1 <= end - label <= 64 or not _in_label(text[label]) or not _in_label(text[end - 1]):
            return False
        labels += 1
        label = end + 1
    end = label
    while end < stop and classes[text[end]] & LOWER:
        end += 1
    return labels > 0 and 2 <= end - label <= 63 and _ends(text, end, stop, classes)


@compiled()
def _in_label(char: Any) -> Any:
    """Return whether a character may begin or end a label of a host name."""
    return (
        0x61 <= char <= 0x7A or 0xA1 <= char <= 0xFFFF or 0x41 <= char <= 0x5A or _ZERO <= char <= _NINE
    )  # fmt: skip


@compiled()
def _ends(text: Any, start: int, stop: int, classes: Any) -> Any:
    """Return whether text[start:stop] is empty, or a port and a path, of which either may be missing."""
    if start < stop and text[start] == _COLON:
        end = start + 1
        while end < stop and classes[text[end]] & DECIMAL:
            end += 1
        if not 2 <= end - start - 1 <= 5:
            return False
        start = end
    return start == stop or text[start] == _SLASH or text[start] == _QUESTION or text[start] == _HASH


@compiled()
def _address_end(text: Any, start: int, stop: int, classes: Any) -> Any:
    """Return the end of the public IPv4 address at `start`, 0 if there is none.

    The second and third digit of a number may be of any script.
    """
    position = start
    first: Any = 0
    for number in range(4):
        if number:
            if position >= stop or text[position] != _DOT:
                return 0
            position += 1
        end = position
        while end < stop and classes[text[end]] & DECIMAL:
            end += 1
        if not _is_octet(text, position, end, number):
            return 0
        value = _number(text, position, end)
        if number == 0:
            first = value
        elif number == 1:
            twenties = end - position == 2 and text[position] == 0x32
            if first == 172 and (twenties or value in (16, 17, 18, 19, 30, 31)):
                return 0
            if (first == 169 and value == 254) or (first == 192 and value == 168):
                return 0
        position = end
    return 0 if first in (10, 127) else position


@compiled()
def _number(text: Any, start: int, stop: int) -> Any:
    """Return the value of ASCII digits without a leading zero, -1 for other digits."""
    value: Any = -1 if text[start] == _ZERO else 0
    for index in range(start, stop):
        value = value * 10 + (np.int64(text[index]) - _ZERO) if value >= 0 and text[index] <= _NINE else -1
    return value


@compiled()
def _is_octet(text: Any, start: int, stop: int, number: int) -> Any:
    """Return whether a run of digits is number `number` (0 to 3) of an address.

    The first number is 1 to 223, the second and third are 0 to 255, the last is 1 to 254.
    """
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
