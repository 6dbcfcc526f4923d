"""Word splitting of Arabic text, identical to spaCy's blank Arabic tokenizer, which datatrove's filters use.

spaCy splits text at white space. From each chunk it removes one prefix and one suffix in turn, until a special case or
an address remains, and splits the rest at infixes. Finally it joins special cases that were split into several tokens
(emoticons, abbreviations). This module does the same in one compiled loop over code points. The rules:

    prefix  punctuation, quotes, symbols, currencies, two dots or more, + before no digit
    suffix  punctuation and quotes but no symbols; two dots or more; after an ASCII digit a unit, a currency, +; a dot
            after two letters (no dot after a vowel mark, a digit or a bracket: `عليهم».` is one word)
    infix   two dots or more, symbols; between letters a comma, a hyphen, a colon, < > = /; between digits + - * ^;
            a dot between letters or quotes
    joined  emoticons, and abbreviations, three of which hold a space (ب. م, م. س, م. ن)

White space is not a word. `corpora.quality.arabic_words_build` writes the character classes and lists from spaCy 3.8
(MIT). The rules are those of spacy/tokenizer.pyx, spacy/lang/punctuation.py and spacy/lang/ar/punctuation.py. spaCy is
not needed to run this module.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from corpora.compiled import compiled
from corpora.quality.arabic_words_tables import (
    ALPHA,
    BASE,
    DIGIT,
    ENDS,
    ENDS_PIECE,
    ENDS_UNIT,
    INFIX,
    LONGEST,
    LOWER,
    PIECE,
    PLAIN,
    PREFIX,
    QUOTE,
    SPACE,
    SPECIAL,
    SPLIT,
    STARTS,
    STARTS_PIECE,
    SUFFIX,
    UNIT,
    UPPER,
    Tables,
    hash_span,
    lookup,
    tables,
)
from corpora.quality.arabic_words_urls import is_url

Spans = npt.NDArray[np.int32]

_DOT, _ELLIPSIS, _PLUS, _MINUS, _COMMA, _EN, _EM, _TILDE, _DOLLAR = (
    0x2E,
    0x2026,
    0x2B,
    0x2D,
    0x2C,
    0x2013,
    0x2014,
    0x7E,
    0x24,
)


def split(text: str) -> list[str]:
    """Return the words of a text, in order."""
    codes = code_points(text)
    spans = np.empty((2, len(codes) + 1, 2), np.int32)
    count = split_words(codes, tables(), spans[0], spans[1])
    return [text[start:stop] for start, stop in spans[1, :count].tolist()]


def code_points(text: str) -> npt.NDArray[np.uint32]:
    """Return a text as an array of code points, uint32 (len(text),)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


@compiled()
def split_words(text: Any, facts: Tables, tokens: Spans, words: Spans) -> Any:
    """Write the start and stop of each word of `text` to `words`; return the number of words.

    text: code points, uint32 (n,). facts: see `tables`. tokens: scratch space. tokens, words: int32 (n + 1, 2).
    """
    count = _tokens(text, facts.classes, facts.strings, tokens)
    return _join(text, facts.classes, facts.strings, facts.patterns, tokens, count, words)


@compiled()
def _tokens(text: Any, classes: Any, strings: Any, tokens: Spans) -> Any:
    """Write the tokens, before special cases of several tokens are joined; return their number."""
    size, position, count = text.size, 0, 0
    while position < size:
        char_class = classes[text[position]]
        if char_class & SPACE:
            position += 1
            continue
        start = position
        common = np.uint32(PLAIN | DIGIT)
        while position < size and not char_class & SPACE:
            common &= char_class
            position += 1
            if position < size:
                char_class = classes[text[position]]
        if common or position - start == 1:  # only letters that no rule depends on, or only digits
            tokens[count, 0], tokens[count, 1] = start, position
            count += 1
        else:
            count = _chunk(text, start, position, classes, strings, tokens, count)
    return count


@compiled(inline=True)
def _chunk(text: Any, start: int, stop: int, classes: Any, strings: Any, tokens: Spans, count: int) -> Any:
    """Append the tokens of a chunk without white space to `tokens`; return the new number of tokens.

    Suffixes are kept at the end of the chunk's space in `tokens` until the tokens before them are written.
    """
    end = count + stop - start
    suffixes = end
    special = 0
    while start < stop:
        special = _special(text, start, stop, classes, strings)
        if special:
            break
        prefix = _prefix(text, start, stop, classes)
        if prefix:
            special = _special(text, start + prefix, stop, classes, strings)
            if special:
                tokens[count, 0], tokens[count, 1] = start, start + prefix
                count += 1
                start += prefix
                break
        suffix = _suffix(text, start + prefix, stop, classes, strings)
        if suffix:
            special = _special(text, start, stop - suffix, classes, strings)
            suffixes -= 1
            tokens[suffixes, 0], tokens[suffixes, 1] = stop - suffix, stop
            stop -= suffix
            if special:
                break
        if prefix:
            tokens[count, 0], tokens[count, 1] = start, start + prefix
            count += 1
            start += prefix
        if not prefix and not suffix:
            break
    if start < stop:
        if special == SPLIT:
            for index in range(start, stop):
                tokens[count, 0], tokens[count, 1] = index, index + 1
                count += 1
        elif special:
            tokens[count, 0], tokens[count, 1] = start, stop
            count += 1
        else:
            count = _core(text, start, stop, classes, tokens, count)
    for index in range(suffixes, end):
        tokens[count, 0], tokens[count, 1] = tokens[index, 0], tokens[index, 1]
        count += 1
    return count


@compiled(inline=True)
def _special(text: Any, start: int, stop: int, classes: Any, strings: Any) -> Any:
    """Return SPECIAL or SPLIT if text[start:stop] is a special case, else 0."""
    if not 0 < stop - start <= LONGEST or not classes[text[start]] & STARTS or not classes[text[stop - 1]] & ENDS:
        return 0
    return lookup(strings, hash_span(text, start, stop)) & (SPECIAL | SPLIT)


@compiled(inline=True)
def _prefix(text: Any, start: int, stop: int, classes: Any) -> Any:
    """Return the length of the prefix of text[start:stop], 0 if none."""
    char = text[start]
    if classes[char] & PREFIX:
        return 1
    if char == _DOT:
        dots = _dots(text, start, stop)
        return dots if dots > 1 else 0
    if char == _PLUS:
        return 0 if start + 1 < stop and classes[text[start + 1]] & DIGIT else 1
    if char in (0x41, 0x43) and start + 1 < stop and text[start + 1] == _DOLLAR:  # A$, C$
        return 2
    if char == 0x55 and start + 2 < stop and text[start + 1] == 0x53 and text[start + 2] == _DOLLAR:  # US$
        return 3
    return 0


@compiled(inline=True)
def _suffix(text: Any, start: int, stop: int, classes: Any, strings: Any) -> Any:
    """Return the length of the longest suffix of text[start:stop], 0 if none."""
    if start >= stop:
        return 0
    char = text[stop - 1]
    length = 1 if classes[char] & SUFFIX else 0
    if char == _ELLIPSIS and stop - 2 >= start and text[stop - 2] == _ELLIPSIS:
        length = 2
    elif char == _DOT:
        first = stop - 1
        while first > start and text[first - 1] == _DOT:
            first -= 1
        if stop - first > 1:
            length = stop - first
        elif stop - 3 >= start and classes[text[stop - 2]] & UPPER and classes[text[stop - 3]] & UPPER:
            length = 1
    if classes[char] & ENDS_UNIT:
        for index in range(stop - 2, max(start, stop - 1 - LONGEST) - 1, -1):
            if classes[text[index]] & DIGIT:
                if lookup(strings, hash_span(text, index + 1, stop)) & UNIT:
                    length = max(length, stop - index - 1)
                break
    return length


@compiled(inline=True)
def _dots(text: Any, start: int, stop: int) -> Any:
    """Return the number of dots at the start of text[start:stop]."""
    position = start
    while position < stop and text[position] == _DOT:
        position += 1
    return position - start


@compiled(inline=True)
def _core(text: Any, start: int, stop: int, classes: Any, tokens: Spans, count: int) -> Any:
    """Append the tokens of the text between prefixes and suffixes; return the new number of tokens.

    An address is one token; other text is split at infixes.
    """
    dotted, common = False, np.uint32(PLAIN | DIGIT)
    for index in range(start, stop):
        dotted |= text[index] == _DOT
        common &= classes[text[index]]
    checked = not dotted  # an address has a dot
    begin = start
    position = stop if common else start
    while position < stop:
        length = _infix(text, start, position, stop, classes)
        if length and position > start:
            if not checked:
                checked = True
                if is_url(text, start, stop, classes):
                    break
            if position > begin:
                tokens[count, 0], tokens[count, 1] = begin, position
                count += 1
            tokens[count, 0], tokens[count, 1] = position, position + length
            count += 1
            begin = position + length
        position += max(length, 1)
    if begin < stop:
        tokens[count, 0], tokens[count, 1] = begin, stop
        count += 1
    return count


@compiled(inline=True)
def _infix(text: Any, start: int, place: int, stop: int, classes: Any) -> Any:
    """Return the length of the infix at `place` in text[start:stop], 0 if none."""
    char = text[place]
    char_class = classes[char]
    if char_class & INFIX:
        return 1
    if char_class & (PLAIN | DIGIT):
        return 0
    if char == _DOT:
        dots = _dots(text, place, stop)
        if dots > 1:
            return dots
    before = classes[text[place - 1]] if place > start else np.uint32(0)
    after = classes[text[place + 1]] if place + 1 < stop else np.uint32(0)
    if char == _DOT:
        return 1 if before & (LOWER | QUOTE) and after & (UPPER | QUOTE) else 0
    if char in (_COMMA, _TILDE, _EN):
        return 1 if before & ALPHA and after & ALPHA else 0
    if char in (_MINUS, _EM):
        if before & ALPHA:
            end = place + 1
            while end < stop and text[end] == char and end - place < (3 if char == _MINUS else 2):
                end += 1
            return end - place if end < stop and classes[text[end]] & ALPHA else 0
    elif 0x3C <= char <= 0x3E or char == 0x3A or char == 0x2F:  # < = > : /
        return 1 if before & (ALPHA | DIGIT) and after & ALPHA else 0
    if char in (_PLUS, _MINUS, 0x2A, 0x5E):  # + - * ^
        follows = place + 1 < stop and (after & DIGIT or text[place + 1] == _MINUS)
        return 1 if before & DIGIT and follows else 0
    return 0


@compiled()
def _join(text: Any, classes: Any, strings: Any, patterns: Any, tokens: Spans, count: int, words: Spans) -> Any:
    """Write the words: the tokens, with special cases of several tokens joined; return the number of words."""
    written = first = 0
    while first < count:
        number = _piece(text, tokens, first, classes, strings)
        if not number:
            words[written, 0], words[written, 1] = tokens[first, 0], tokens[first, 1]
            written += 1
            first += 1
            continue
        last = first + 1  # end of a run of adjacent tokens that occur in patterns
        while last < count and _adjacent(text, tokens, last) and _piece(text, tokens, last, classes, strings):
            last += 1
        if last - first == 1:
            words[written, 0], words[written, 1] = tokens[first, 0], tokens[first, 1]
            written += 1
        else:
            written = _join_run(text, classes, strings, patterns, tokens, first, last, words, written)
        first = last
    return written


@compiled(inline=True)
def _piece(text: Any, tokens: Spans, number: int, classes: Any, strings: Any) -> Any:
    """Return the number of a token that occurs in a pattern, 0 for other tokens."""
    start, stop = tokens[number, 0], tokens[number, 1]
    if stop - start > LONGEST or not classes[text[start]] & STARTS_PIECE or not classes[text[stop - 1]] & ENDS_PIECE:
        return 0
    return lookup(strings, hash_span(text, start, stop)) // PIECE


@compiled(inline=True)
def _adjacent(text: Any, tokens: Spans, number: int) -> Any:
    """Return whether no gap or one space separates a token from the previous one.

    Other white space is a token of its own in spaCy.
    """
    gap = tokens[number, 0] - tokens[number - 1, 1]
    return gap == 0 or (gap == 1 and text[tokens[number - 1, 1]] == 0x20)


@compiled()
def _join_run(
    text: Any,
    classes: Any,
    strings: Any,
    patterns: Any,
    tokens: Spans,
    first: int,
    last: int,
    words: Spans,
    written: int,
) -> Any:
    """Join special cases within tokens[first:last]; append the words to `words`; return the new number of words.

    Longer matches win, then earlier ones. As in spaCy, a match excludes those that begin or end within it, even if its
    text turns out to be no special case, because its tokens are separated by spaces.
    """
    matches = np.zeros(last - first, np.int32)  # for each first token, one bit for each length of a match
    for place in range(first, last):
        key = np.uint64(0)
        for number in range(place, min(place + LONGEST, last)):
            key = key * np.uint64(BASE) + np.uint64(_piece(text, tokens, number, classes, strings)) + np.uint64(1)
            if lookup(patterns, key):
                matches[place - first] |= 1 << (number + 1 - place)
    until = np.zeros(last - first, np.int32)  # for each first token, the end of the accepted match; 0 if none
    if matches.any():
        taken = np.zeros(last - first, np.bool_)
        for length in range(LONGEST, 1, -1):
            for place in range(last - first):
                if matches[place] >> length & 1:
                    if not taken[place] and not taken[place + length - 1]:
                        until[place] = first + place + length
                    taken[place : place + length] = True
    place = first
    while place < last:
        end = until[place - first]
        special = _special(text, tokens[place, 0], tokens[end - 1, 1], classes, strings) if end else 0
        if special == SPLIT:
            for char in range(tokens[place, 0], tokens[end - 1, 1]):
                words[written, 0], words[written, 1] = char, char + 1
                written += 1
        elif special:
            words[written, 0], words[written, 1] = tokens[place, 0], tokens[end - 1, 1]
            written += 1
        else:
            end = max(end, place + 1)
            for number in range(place, end):
                words[written, 0], words[written, 1] = tokens[number, 0], tokens[number, 1]
                written += 1
        place = end
    return written
