"""The features of the learned segmenter: numbers that describe a position inside a word.

Words are codes of letters (code point - U+0620). A position between two letters is described by the letters on both
sides; by prefixes and suffixes up to five letters; by the frequency of both parts as words; by the *paradigm*: the
other pronouns that follow the letters before it in known words; and by the *margin*: the score of the best open-stem
analysis (prefix + any stem + suffix) with a boundary here minus the best one without. Analyses are scored by the
probabilities of prefix, stem and suffix, estimated by expectation-maximisation over unlabelled words. A feature is a
64-bit hash, reduced to an index into the weights (Weinberger et al. 2009: collisions cost little).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

BITS = 18
FEATURES = 64  # maximum number of features of a position
LONGEST = 40  # letters; longer words have no boundaries
_PRIME, _START = uint64(0x9E3779B97F4A7C15), uint64(0xCBF29CE484222325)
_MAX_PREFIX, _MAX_SUFFIX = 5, 7

_PREFIXES = ("", "ال", "ل ل", "ب", "ك", "ل", "س", "ب ال", "ك ال", "ه ال", "ع ال", "ح", "ه")
_ENDINGS = ("", "ات", "ون", "ين", "ان", "ة", "ت", "تا", "تين", "وا", "و", "ا", "ن", "تم")
_PRONOUNS = ("", "هما", "كما", "هم", "هن", "كم", "كن", "كو", "نا", "ني", "ها", "ه", "ك", "ي", "ش", "ها ش")


def _affixes() -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Return prefixes and suffixes as tuples of morphemes, each spelling once."""
    before = {
        "".join(parts): parts for lead in ("", "و", "ف") for affix in _PREFIXES for parts in [(*lead, *affix.split())]
    }
    after = {
        "".join(parts): parts
        for ending in _ENDINGS
        for affix in _PRONOUNS
        for parts in [(*ending.split(), *affix.split())]
        if not (ending == "ة" and affix)
    }
    return list(before.values()), list(after.values())


PREFIXES, SUFFIXES = _affixes()


def encode_letters(words: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the letter codes of all words, concatenated, and the offsets of the words (one more than words)."""
    offsets = np.zeros(len(words) + 1, np.int64)
    np.cumsum([len(word) for word in words], out=offsets[1:])
    points = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32).astype(np.int64)
    return (points - 0x620).clip(0, 255).astype(np.uint8), offsets


@njit(cache=True)
def hash_letters(letters, begin, end, salt):  # type: ignore[no-untyped-def]
    """Return the hash of letters [begin, end)."""
    state = _START ^ uint64(salt)
    for index in range(begin, end):
        state = (state ^ uint64(letters[index])) * _PRIME
        state ^= state >> uint64(29)
    return state


@njit(cache=True)
def find_slot(keys, key):  # type: ignore[no-untyped-def]
    """Return the slot of a key in the open-addressing table `keys`, or the free slot where it belongs.

    `keys` has a power of two slots; 0 is a free slot.
    """
    mask = len(keys) - 1
    slot = np.int64(key >> uint64(20)) & mask
    while keys[slot] != 0 and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


def affix_table(affixes: Sequence[tuple[str, ...]]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return the hash of each affix, and its inner boundaries as bits: bit k is a boundary after k letters."""
    letters, offsets = encode_letters(["".join(parts) for parts in affixes])
    hashes = np.array(
        [hash_letters(letters, *offsets[index : index + 2], 1) for index in range(len(affixes))], np.uint64
    )
    boundaries = [sum(1 << len("".join(parts[:count])) for count in range(1, len(parts))) for parts in affixes]
    return hashes, np.array(boundaries, np.int64)


@njit(cache=True)
def list_analyses(letters, begin, end, before, after, out_prefix, out_suffix):  # type: ignore[no-untyped-def]
    """List all analyses prefix + stem + suffix with a stem of at least two letters. Returns their number.

    `out_prefix` and `out_suffix` receive two columns: number of the affix, its length.
    """
    size, count = end - begin, 0
    for first in range(min(_MAX_PREFIX, size - 2) + 1):
        key = hash_letters(letters, begin, begin + first, 1)
        prefix = -1
        for affix in range(len(before)):
            if before[affix] == key:
                prefix = affix
                break
        if prefix < 0:
            continue
        for last in range(min(_MAX_SUFFIX, size - first - 2) + 1):
            key = hash_letters(letters, end - last, end, 1)
            for affix in range(len(after)):
                if after[affix] == key:
                    out_prefix[count, 0], out_prefix[count, 1] = prefix, first
                    out_suffix[count, 0], out_suffix[count, 1] = affix, last
                    count += 1
                    break
    return count


@njit(cache=True)
def fill_margins(letters, begin, end, affixes, model, buffers, best):  # type: ignore[no-untyped-def]
    """Write the score of the best analysis with a boundary at each position to `best[0]`, without one to `best[1]`."""
    before, before_boundaries, after, after_boundaries = affixes
    keys, values, prefix_scores, suffix_scores = model
    prefixes, suffixes = buffers
    size = end - begin
    for place in range(size):
        best[0, place] = best[1, place] = -30.0
    for number in range(list_analyses(letters, begin, end, before, after, prefixes, suffixes)):
        prefix, first = prefixes[number, 0], prefixes[number, 1]
        suffix, last = suffixes[number, 0], suffixes[number, 1]
        stem = find_slot(keys, hash_letters(letters, begin + first, end - last, 2))
        weight = values[stem] / 8.0 if keys[stem] != 0 else -5.0
        weight += prefix_scores[prefix] + suffix_scores[suffix]
        boundaries = before_boundaries[prefix] | (after_boundaries[suffix] << (size - last))
        if first:
            boundaries |= 1 << first
        if last:
            boundaries |= 1 << (size - last)
        for place in range(1, size):
            row = 0 if boundaries >> place & 1 else 1
            best[row, place] = max(best[row, place], weight)


@njit(cache=True)
def _level(keys, values, key):  # type: ignore[no-untyped-def]
    slot = find_slot(keys, key)
    return np.int64(values[slot]) if keys[slot] != 0 else 0


@njit(cache=True)
def _index(template, a, b):  # type: ignore[no-untyped-def]
    state = (uint64(template) * _PRIME) ^ uint64(a)
    state = (state * _PRIME) ^ uint64(b)
    state ^= state >> uint64(31)
    state *= _PRIME
    return np.int64(state >> uint64(64 - BITS))


_PARADIGM, _PARADIGM_ENDS = encode_letters(("ه", "ها", "هم", "ك", "ي", "نا", "كم", "ني"))


@njit(cache=True)
def _paradigm(keys, levels, head, letters, split, end):  # type: ignore[no-untyped-def]
    """Return three numbers: pronouns after the same letters in known words, their frequency, and a pronoun here.

    The first is how many other pronouns follow the letters with hash `head` in known words; the second is the highest
    frequency level of those words; the third is 1 if the letters after the position are a pronoun.
    """
    count = highest = follows = 0
    for pronoun in range(len(_PARADIGM_ENDS) - 1):
        begin, size = _PARADIGM_ENDS[pronoun], _PARADIGM_ENDS[pronoun + 1] - _PARADIGM_ENDS[pronoun]
        state, same = head, size == end - split
        for index in range(size):
            state = (state ^ uint64(_PARADIGM[begin + index])) * _PRIME
            state ^= state >> uint64(29)
            same = same and letters[split + index] == _PARADIGM[begin + index]
        if same:
            follows = 1
            continue
        frequency = _level(keys, levels, state)
        count += frequency > 0
        highest = max(highest, frequency)
    return count, highest, follows


@njit(cache=True)
def list_features(letters, begin, end, place, words, best, out):  # type: ignore[no-untyped-def]
    """Write the feature indices of the position `place` letters into a word to `out`. Returns their number."""
    keys, levels = words
    split, left, right, n = begin + place, place, end - begin - place, 0
    for length in range(1, 5):
        if length <= left:
            out[n] = _index(length, hash_letters(letters, split - length, split, 0), 0)
            n += 1
        if length <= right:
            out[n] = _index(10 + length, hash_letters(letters, split, split + length, 0), 0)
            n += 1
    for reach in range(1, 4):
        a = hash_letters(letters, max(begin, split - reach), split, 0)
        b = hash_letters(letters, split, min(end, split + reach), 0)
        out[n] = _index(20 + reach, a, b)
        n += 1
    head = hash_letters(letters, begin, split, 0)
    tail = hash_letters(letters, split, end, 0)
    of_word = _level(keys, levels, hash_letters(letters, begin, end, 0))
    of_left, of_right = _level(keys, levels, head), _level(keys, levels, tail)
    out[n], out[n + 1] = _index(30, min(left, 6), 0), _index(31, min(right, 6), 0)
    out[n + 2], out[n + 3] = _index(32, of_left, 0), _index(33, of_right, 0)
    out[n + 4] = _index(34, of_word * 16 + of_right, min(left, 3))
    out[n + 5] = _index(35, of_word * 16 + of_left, min(right, 3))
    n += 6
    margin = np.int64(min(8.0, max(-8.0, best[0, place] - best[1, place])) * 1.5)
    out[n], out[n + 1] = _index(36, margin + 99, 0), _index(37, margin + 99, min(left, 5) * 8 + min(right, 5))
    n += 2
    if left <= 5:
        out[n] = _index(40, head, 0)
        out[n + 1] = _index(41, head, hash_letters(letters, split, split + 1, 0))
        out[n + 2] = _index(42, head, hash_letters(letters, split, min(end, split + 2), 0))
        out[n + 3] = _index(43, head, hash_letters(letters, end - 1, end, 0))
        out[n + 4] = _index(44, head, hash_letters(letters, max(split, end - 2), end, 0))
        out[n + 5], out[n + 6] = _index(45, head, of_right), _index(46, head, margin + 99)
        out[n + 7] = _index(47, head, min(right, 8))
        n += 8
    if right <= 5:
        out[n] = _index(50, tail, 0)
        out[n + 1] = _index(51, tail, hash_letters(letters, split - 1, split, 0))
        out[n + 2] = _index(52, tail, hash_letters(letters, max(begin, split - 2), split, 0))
        out[n + 3] = _index(53, tail, hash_letters(letters, begin, min(split, begin + 2), 0))
        out[n + 4] = _index(54, tail, hash_letters(letters, begin, begin + 1, 0))
        out[n + 5], out[n + 6] = _index(55, tail, of_left), _index(56, tail, margin + 99)
        out[n + 7] = _index(57, tail, min(left, 8))
        n += 8
    if right <= 3 and left >= 2:
        count, highest, follows = _paradigm(keys, levels, head, letters, split, end)
        rarer = min(4, max(-4, of_word - highest)) + 4
        out[n], out[n + 1] = _index(60, count, follows), _index(61, count, tail)
        out[n + 2] = _index(62, count * 16 + rarer, follows)
        n += 3
    return n


def level(count: float) -> int:
    """Return the frequency level of a count: 0 to 9, proportional to its logarithm."""
    return min(9, int(math.log2(1 + count) / 1.5))
