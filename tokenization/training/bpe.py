"""Byte-pair encoding learned from pre-token counts: the merges of `tokenizers`, in the same order, faster.

Sennrich et al. 2016: the most frequent pair of neighbouring symbols is merged everywhere, repeatedly. Among equally
frequent pairs the one with the smaller ids is merged first, as in the BpeTrainer of `tokenizers` (0.23). From the same
counts this module learns the same merges, one by one. Counting 105 MB and learning 32,000 tokens takes 3.5 s on one
core; `tokenizers` takes 40 s.

The score of a pair is the sum of the weights of its occurrences. The weight is 1 in plain BPE. In `soft` mode an
occurrence across a morpheme boundary has a negative weight. In `hard` mode symbols on both sides of a boundary are not
a pair (see `morpheme_boundaries`). Both lower the scores of Arabic pairs only, so that other scripts would win ids
from Arabic. Therefore Arabic has a quota of ids: as many as plain BPE gives it, unless the options set it. Pairs of a
script whose quota is full are not merged.

A merge visits only the words that contain its pair. Each pair has its score, updated with every merge, and a linked
list of the words that contained it when it appeared. A word may have lost the pair since, but cannot have gained it,
because a new pair always contains the newest symbol. So scores only fall, except when an occurrence across a boundary
is lost; then the pair is pushed again. Scores in the heap are therefore upper bounds, and an entry that is popped is
compared with the present score.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from tokenization.errors import EmptyCorpus, OptionError, VocabularyError
from tokenization.model import BYTE_OF_ID, Merge
from tokenization.options import MorphologyOptions, check_range
from tokenization.training.counts import PretokenCounts
from tokenization.training.morpheme_boundaries import HUNDREDTHS

_EMPTY = np.int64(-1)
_HASH = uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: spreads neighbouring keys (Knuth, TAOCP 3, 6.4)
_FNV, _FNV_START = uint64(0x100000001B3), uint64(0xCBF29CE484222325)
_NO_LIMIT = 1 << 30
_ARABIC_LEADS = range(0xD8, 0xDC)
"""The first bytes of the characters U+0600 to U+06FF. A token with one of them is Arabic."""
_ARABIC_BYTES = len(_ARABIC_LEADS)
_PLAIN = MorphologyOptions()


def train_merges(
    counts: PretokenCounts,
    size: int,
    *,
    min_count: int = 1,
    max_bytes: int | None = None,
    morphology: MorphologyOptions = _PLAIN,
    boundaries: NDArray[np.bool_] | None = None,
) -> list[Merge]:
    """Learn merges until there are `size` tokens, the 256 bytes included.

    `min_count`: minimum score of a merged pair, in occurrences. `max_bytes`: maximum length of a token; None for no
    limit. `morphology`: how boundaries affect the scores. `boundaries`: bool [bytes of `counts.data`], true where a
    morpheme ends; required unless the mode is `none`.

    Returns pairs of bytes in the order of merging. Two merges can make the same token (as in `tokenizers`), so there
    can be more than `size - 256` of them.

    Raises VocabularyError if `size` is below 256, OptionError for options out of range, EmptyCorpus if the text does
    not give enough tokens.
    """
    if size < 256:
        raise VocabularyError(f"size = {size}: choose 256 or more (the bytes are tokens)")
    check_range("min_count", min_count, 1)
    if max_bytes is not None:
        check_range("max_bytes", max_bytes, 2)
    if morphology.mode != "none" and (boundaries is None or boundaries.shape != counts.data.shape):
        raise OptionError(f"boundaries: mode {morphology.mode!r} requires one flag for each byte of the counts")
    if not len(counts):
        raise EmptyCorpus("there is no text to learn merges from: check the quotas and documents of the sample")
    soft = morphology.mode == "soft"
    limit = _NO_LIMIT if max_bytes is None else max_bytes
    quota = size
    if morphology.mode != "none":
        quota = _arabic_quota(counts, size, min_count, limit, morphology)
    left, right, tokens = _learn(
        *_words(counts, None if morphology.mode == "none" else boundaries),
        (HUNDREDTHS, -round(morphology.penalty * HUNDREDTHS)) if soft else (1, 0),
        morphology.mode == "hard",
        _ARABIC_BYTES + round((quota - _ARABIC_BYTES) * morphology.share) if soft and morphology.share < 1 else size,
        (size if morphology.mode == "none" else size - quota, quota),
        np.array(BYTE_OF_ID, np.uint8),
        size,
        min_count * (HUNDREDTHS if soft else 1),
        limit,
    )
    if tokens < size:
        raise EmptyCorpus(
            f"the text gives {tokens} tokens, not {size}: "
            "use a larger sample, a smaller vocabulary, a lower min_frequency or a higher max_token_bytes"
            + (", or a lower penalty or share of soft morphology" if soft else "")
        )
    return _in_bytes(left.tolist(), right.tolist())


def _words(counts: PretokenCounts, boundaries: NDArray[np.bool_] | None) -> tuple[Any, ...]:
    """Return the arguments of `_learn` that describe the words; it changes these arrays."""
    id_of_byte = np.empty(256, np.int32)
    id_of_byte[list(BYTE_OF_ID)] = np.arange(256, dtype=np.int32)
    flags = np.zeros(len(counts.data), np.bool_) if boundaries is None else boundaries.copy()
    return (id_of_byte[counts.data], flags), counts.offsets[:-1].copy(), np.diff(counts.offsets), counts.counts


def _arabic_quota(
    counts: PretokenCounts, size: int, min_count: int, max_bytes: int, morphology: MorphologyOptions
) -> int:
    """Return the number of ids of Arabic: the one that the options set, or that of plain BPE."""
    if morphology.quota is not None:
        return max(_ARABIC_BYTES, round(size * morphology.quota))
    alphabet = np.array(BYTE_OF_ID, np.uint8)
    left, right, _ = _learn(
        *_words(counts, None), (1, 0), False, size, (size, size), alphabet, size, min_count, max_bytes
    )
    made = {a + b for a, b in _in_bytes(left.tolist(), right.tolist())}
    return _ARABIC_BYTES + sum(any(byte in _ARABIC_LEADS for byte in token) for token in made)


def _in_bytes(left: list[int], right: list[int]) -> list[Merge]:
    """Return merges of ids as merges of bytes."""
    pieces = [bytes([byte]) for byte in BYTE_OF_ID]
    seen = set(pieces)
    merges = []
    for a, b in zip(left, right, strict=True):
        merges.append((pieces[a], pieces[b]))
        joined = pieces[a] + pieces[b]
        if joined not in seen:
            seen.add(joined)
            pieces.append(joined)
    return merges


@njit(cache=True)
def _slot(keys, key):  # type: ignore[no-untyped-def]
    """Return the slot of a pair (int64) in the open-addressing table `keys`, or the free slot where it belongs."""
    mask = len(keys) - 1
    slot = np.int64((uint64(key) * _HASH) >> uint64(32)) & mask
    while keys[slot] != _EMPTY and keys[slot] != key:
        slot = (slot + 1) & mask
    return slot


@njit(cache=True)
def _rehash(keys, counts, heads, stamps):  # type: ignore[no-untyped-def]
    """Return the same table with twice the number of slots."""
    new_keys = np.full(2 * len(keys), _EMPTY)
    new_counts = np.zeros(2 * len(keys), np.int64)
    new_heads = np.full(2 * len(keys), -1, np.int32)
    new_stamps = np.zeros(2 * len(keys), np.int32)
    for old in range(len(keys)):
        if keys[old] != _EMPTY:
            slot = _slot(new_keys, keys[old])
            new_keys[slot] = keys[old]
            new_counts[slot] = counts[old]
            new_heads[slot] = heads[old]
            new_stamps[slot] = stamps[old]
    return new_keys, new_counts, new_heads, new_stamps


@njit(cache=True)
def _token(text, begin, lengths, table, ids, size):  # type: ignore[no-untyped-def]
    """Return the id of the token whose bytes are at `begin[size]`: that of an equal token, or `size`."""
    start, length = begin[size], lengths[size]
    state = _FNV_START
    for i in range(length):
        state = (state ^ uint64(text[start + i])) * _FNV
    mask = len(table) - 1
    slot = np.int64(state >> uint64(20)) & mask
    while table[slot]:
        candidate = ids[slot]
        if lengths[candidate] == length:
            same = True
            for i in range(length):
                if text[begin[candidate] + i] != text[start + i]:
                    same = False
                    break
            if same:
                return candidate
        slot = (slot + 1) & mask
    table[slot] = True
    ids[slot] = size
    return size


@njit(cache=True)
def _doubled(array):  # type: ignore[no-untyped-def]
    """Return a copy of the array with twice the length."""
    larger = np.empty(2 * len(array), array.dtype)
    for i in range(len(array)):
        larger[i] = array[i]
    return larger


@njit(cache=True)
def _count_pairs(words, table, nodes, weights, hard, token_bytes, max_bytes):  # type: ignore[no-untyped-def]
    """Add all pairs of neighbours to the table. Returns the number of pairs and of nodes."""
    symbols, ends, starts, lengths, counts = words
    keys, scores, heads, _ = table
    node_word, node_next = nodes
    pairs = used = 0
    for word in range(len(starts)):
        for i in range(starts[word], starts[word] + lengths[word] - 1):
            if (hard and ends[i]) or token_bytes[symbols[i]] + token_bytes[symbols[i + 1]] > max_bytes:
                continue
            key = np.int64(symbols[i]) << 32 | np.int64(symbols[i + 1])
            slot = _slot(keys, key)
            if keys[slot] == _EMPTY:
                keys[slot] = key
                pairs += 1
            scores[slot] += counts[word] * weights[np.int64(ends[i])]
            if heads[slot] < 0 or node_word[heads[slot]] != word:
                node_word[used], node_next[used] = word, heads[slot]
                heads[slot] = used
                used += 1
    return pairs, used


@njit(cache=True)
def _heap(table, least):  # type: ignore[no-untyped-def]
    """Return a heap of the pairs whose score is at least `least`."""
    heap = [(-table[1][slot], table[0][slot]) for slot in range(len(table[0])) if table[1][slot] >= least]
    heapq.heapify(heap)
    return heap


@njit(cache=True)
def _join(key, new, merge, words, table, nodes, pairs, used, token_bytes, max_bytes, visited, raised, weights, hard):  # type: ignore[no-untyped-def]
    """Replace a pair by the token `new` in all words that contain it, and update the scores of neighbouring pairs.

    `weights`: weights of an occurrence inside a morpheme and across a boundary. `raised` receives the pairs whose
    score rose. Returns the number of these, and the numbers of pairs and nodes. The tables must have free slots: a
    merge adds at most two pairs for each token.
    """
    symbols, ends, starts, lengths, counts = words
    keys, scores, heads, stamps = table
    node_word, node_next = nodes
    a, b = key >> 32, key & 0xFFFFFFFF
    slot = _slot(keys, key)
    node, heads[slot], raises = heads[slot], -1, 0
    while node >= 0:
        word, node = node_word[node], node_next[node]
        if visited[word] == merge:
            continue
        visited[word] = merge
        start, count = starts[word], counts[word]
        out, i, end = start, start, start + lengths[word]
        while i < end:
            if i + 1 == end or symbols[i] != a or symbols[i + 1] != b or (hard and ends[i]):
                symbols[out], ends[out] = symbols[i], ends[i]
                out += 1
                i += 1
                continue
            for side in range(2):
                if side == 0:
                    if out == start:
                        continue
                    neighbour, across = np.int64(symbols[out - 1]), ends[out - 1]
                    old_key, new_key = neighbour << 32 | a, neighbour << 32 | new
                else:
                    if i + 2 == end:
                        continue
                    neighbour, across = np.int64(symbols[i + 2]), ends[i + 1]
                    old_key, new_key = b << 32 | neighbour, new << 32 | neighbour
                if hard and across:
                    continue
                weight = count * weights[np.int64(across)]
                old = _slot(keys, old_key)
                if keys[old] != _EMPTY:
                    scores[old] -= weight
                    if weight < 0 and stamps[old] != merge:
                        stamps[old] = merge
                        raised[raises] = old_key
                        raises += 1
                if token_bytes[neighbour] + token_bytes[new] > max_bytes:
                    continue
                slot = _slot(keys, new_key)
                if keys[slot] == _EMPTY:
                    keys[slot] = new_key
                    pairs += 1
                scores[slot] += weight
                if stamps[slot] != merge:
                    stamps[slot] = merge
                    raised[raises] = new_key
                    raises += 1
                if heads[slot] < 0 or node_word[heads[slot]] != word:
                    node_word[used], node_next[used] = word, heads[slot]
                    heads[slot] = used
                    used += 1
            symbols[out], ends[out] = new, ends[i + 1]
            out += 1
            i += 2
        lengths[word] = out - start
    scores[_slot(keys, key)] = 0
    return raises, pairs, used


@njit(cache=True)
def _learn(  # type: ignore[no-untyped-def]
    text_of_words, starts, lengths, counts, weights, hard, stage_end, quotas, alphabet, size, min_count, max_bytes
):
    """Run the main loop. Returns the ids of the left and right parts of the merges, and the number of tokens.

    Word w is `symbols[starts[w]:][:lengths[w]]`, shortened in place, and occurs `counts[w]` times. `text_of_words`:
    the symbols, and whether a morpheme ends with each. From `stage_end` Arabic tokens on, or when no pair has a
    sufficient score below `size` tokens, boundaries are ignored and all occurrences have the same weight. `quotas`:
    the most tokens of other scripts and of Arabic; they end when no pair is left.

    All growing arrays are reallocated here: where a loop can rebind an array, numba counts references in every
    iteration, and `_join` takes half as long again.
    """
    # Tokens: their bytes, and a table of tokens by their bytes.
    text, text_size = np.empty(1 << 16, np.uint8), 256
    begin, token_bytes = np.zeros(size + 1, np.int64), np.zeros(size + 1, np.int64)
    capacity = 1024
    while capacity < 4 * size:
        capacity *= 2
    token_table, token_ids = np.zeros(capacity, np.bool_), np.zeros(capacity, np.int32)
    for token in range(256):
        text[token] = alphabet[token]
        begin[token], token_bytes[token] = token, 1
        _token(text, begin, token_bytes, token_table, token_ids, token)
    tokens = np.int64(256)  # not a constant, for which `_token` would be compiled once more
    arabic = np.zeros(size + 1, np.int64)
    of_scripts, most = np.zeros(2, np.int64), np.zeros(2, np.int64)
    most[0], most[1] = quotas
    for token in range(256):
        arabic[token] = 0xD8 <= alphabet[token] < 0xDC
        of_scripts[arabic[token]] += 1
    left, right, merges = np.empty(size, np.int32), np.empty(size, np.int32), 0

    # Pairs: key = left id << 32 | right id, so that sorted keys are sorted pairs. There are 65,536 pairs of bytes.
    capacity = 1 << 18
    table = (
        np.full(capacity, _EMPTY),
        np.zeros(capacity, np.int64),  # count
        np.full(capacity, -1, np.int32),  # head of the list of words that contain the pair
        np.zeros(capacity, np.int32),  # the merge that last raised the count
    )
    # A node records that a word contains a pair. Each pair of neighbours needs one node at most, and each replacement
    # of two symbols by one needs two new nodes.
    capacity = 3 * len(text_of_words[0])
    nodes = np.empty(capacity, np.int32), np.empty(capacity, np.int32)
    symbols, ends = text_of_words
    words = symbols, ends, starts, lengths, counts
    pairs, used = _count_pairs(words, table, nodes, weights, hard, token_bytes, max_bytes)
    heap = _heap(table, min_count)

    raised = np.empty(4 * size + 4, np.int64)
    visited = np.zeros(len(starts), np.int32)
    while tokens < size:
        if (stage_end < size and of_scripts[1] >= stage_end) or (
            not len(heap) and (stage_end < size or most[0] < size or most[1] < size)
        ):
            if stage_end < size:
                stage_end = size
                ends[:] = False
            else:
                most[:] = size
            table[0][:], table[1][:], table[2][:], table[3][:] = _EMPTY, 0, -1, 0
            pairs, used = _count_pairs(words, table, nodes, weights, hard, token_bytes, max_bytes)
            heap = _heap(table, min_count)
        if not len(heap):
            break
        negative, key = heapq.heappop(heap)
        now = table[1][_slot(table[0], key)]
        if now != -negative:
            if min_count <= now < -negative:
                heapq.heappush(heap, (-now, key))
            continue
        a, b = key >> 32, key & 0xFFFFFFFF
        script = max(arabic[a], arabic[b])
        if of_scripts[script] >= most[script]:
            continue
        length = token_bytes[a] + token_bytes[b]
        while text_size + length > len(text):
            text = _doubled(text)
        begin[tokens], token_bytes[tokens] = text_size, length
        for i in range(token_bytes[a]):
            text[text_size + i] = text[begin[a] + i]
        for i in range(token_bytes[b]):
            text[text_size + token_bytes[a] + i] = text[begin[b] + i]
        new = np.int64(_token(text, begin, token_bytes, token_table, token_ids, tokens))
        if new == tokens:
            arabic[tokens] = script
            of_scripts[script] += 1
            tokens += 1
            text_size += length
        if merges == len(left):
            left, right = _doubled(left), _doubled(right)
        left[merges], right[merges] = a, b
        merges += 1
        while 2 * (pairs + 2 * tokens) > len(table[0]):
            table = _rehash(*table)
        raises, pairs, used = _join(
            key, new, merges, words, table, nodes, pairs, used, token_bytes, max_bytes, visited, raised, weights, hard
        )
        for i in range(raises):
            count = table[1][_slot(table[0], raised[i])]
            if count >= min_count:
                heapq.heappush(heap, (-count, raised[i]))
    return left[:merges], right[:merges], tokens
