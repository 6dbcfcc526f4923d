"""Counts of pre-tokens: the only information about a corpus that BPE training needs.

A pre-token is a piece of text that the pre-token pattern separates (a word with the space before it, a digit, a run of
signs). Merges never cross its ends, so the text is not needed once its pre-tokens are counted. Counts of parts add up
to the counts of the whole, in any order.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numba import njit, uint64
from numpy.typing import NDArray

from tokenization.model import pretoken_pattern, to_utf8
from tokenization.options import MAX_DIGITS
from tokenization.training.pretokenize import kind_tables, split

_BATCH_CHARS = 2_000_000  # texts that are encoded to bytes at a time
MAX_DIFFERENT = 4_000_000  # different pieces in memory: about 400 MB
_LOOK_AHEAD = 32  # bytes after the last text: pieces are read sixteen bytes at a time
_BLOCK = 2048  # pieces that are looked up together
_HASH = uint64(0x9E3779B97F4A7C15)
_NUMBER = uint64(0xFFFFFFFF)  # the half of a slot that contains a word's number
_LOW = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)  # the first `size` bytes of eight


@dataclass(frozen=True, slots=True, eq=False)
class PretokenCounts:
    """Pre-tokens and their counts, in the order of their bytes, so that equal corpora give equal arrays.

    Pre-token i is `data[offsets[i]:offsets[i + 1]]` (UTF-8) and occurs `counts[i]` times, at least once.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, counts: Mapping[bytes, int]) -> PretokenCounts:
        """Return counts from a mapping of pre-tokens to numbers of occurrences, without entries of 0."""
        words = [word for word, count in counts.items() if count > 0 and word]
        offsets = np.zeros(len(words) + 1, np.int64)
        np.cumsum([len(word) for word in words], out=offsets[1:])
        data = np.frombuffer(b"".join(words), np.uint8)
        return _added(data, offsets, np.array([counts[word] for word in words], np.int64))

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Yield each pre-token with its count."""
        data, bounds = self.data.tobytes(), self.offsets.tolist()
        for start, end, count in zip(bounds, bounds[1:], self.counts.tolist(), strict=False):
            yield data[start:end], count

    def __len__(self) -> int:
        """Return the number of different pre-tokens."""
        return len(self.counts)

    @property
    def total(self) -> int:
        """The number of pre-tokens in the text."""
        return int(self.counts.sum())


def merge_counts(parts: Iterable[PretokenCounts]) -> PretokenCounts:
    """Return the sum of the counts of all parts.

    Parts are read one at a time and added to parts of similar size, as in a binary counter. The memory is little more
    than that of the result, for any number of parts.
    """
    pending: list[PretokenCounts] = []
    for part in parts:
        pending.append(part)
        while len(pending) > 1 and len(pending[-2].data) <= 2 * len(pending[-1].data):
            pending.append(_together([pending.pop(), pending.pop()]))
    return _together(pending)


def save_counts(counts: PretokenCounts, file: IO[bytes] | Any) -> None:
    """Append counts to a binary file."""
    for array in (counts.data, counts.offsets, counts.counts):
        np.save(file, array, allow_pickle=False)


def load_counts(data: bytes) -> Iterator[PretokenCounts]:
    """Yield the counts that `save_counts` appended to one file."""
    file = io.BytesIO(data)
    while file.tell() < len(data):
        yield PretokenCounts(*(np.load(file, allow_pickle=False) for _ in range(3)))


def _together(counts: Sequence[PretokenCounts]) -> PretokenCounts:
    """Return the sum of counts."""
    with_empty = [PretokenCounts.of({}), *counts]
    sizes = np.concatenate([np.diff(part.offsets) for part in with_empty])
    return _added(
        np.concatenate([part.data for part in with_empty]),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([part.counts for part in with_empty]),
    )


def count_pretokens(texts: Iterable[str], pattern: str) -> PretokenCounts:
    """Split texts by a pre-token pattern and count the pieces.

    Memory grows with the number of different pieces, not with the text. Patterns of `pretoken_pattern()` are run by
    `pretokenize.split`, about 90 MB/s on one core; any other pattern by the engine of `tokenizers`, about 4 MB/s.
    Raises EncodingError for a text with lone surrogates.
    """
    return merge_counts(count_in_runs(texts, pattern))


def count_in_runs(
    texts: Iterable[str], pattern: str, *, max_different: int = MAX_DIFFERENT
) -> Iterator[PretokenCounts]:
    """Count as `count_pretokens` does, and yield counts that add up to the whole.

    Each has about `max_held` different pieces, so that memory is bounded for any amount of text.
    """
    digits = next((digits for digits in range(1, MAX_DIGITS + 1) if pattern == pretoken_pattern(digits)), None)
    if digits is None:
        yield _counted_by_engine(texts, pattern)
        return
    table = _Table()
    for data, ends in _batches(texts):
        table.add(data, ends, digits)
        if table.n_words >= max_different:
            yield table.result()
            table = _Table()
    if table.n_words:
        yield table.result()


def _counted_by_engine(texts: Iterable[str], pattern: str) -> PretokenCounts:
    from tokenizers import Regex, pre_tokenizers

    engine = pre_tokenizers.Split(Regex(pattern), "isolated")
    total: Counter[str] = Counter()
    for number, text in enumerate(texts):
        to_utf8(text, f"text {number}")
        total.update([piece for piece, _ in engine.pre_tokenize_str(text)])
    return PretokenCounts.of({word.encode(): times for word, times in total.items()})


def _added(data: NDArray[np.uint8], offsets: NDArray[np.int64], counts: NDArray[np.int64]) -> PretokenCounts:
    """Return counts with equal pre-tokens added up, sorted."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(counts):
        return PretokenCounts(np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros(0, np.int64))
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(np.ascontiguousarray(data))]
    words = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(counts), buffers)
    order = pc.sort_indices(words)
    words = words.take(order)
    first = np.ones(len(words), np.bool_)
    first[1:] = pc.not_equal(words[1:], words[:-1]).to_numpy(zero_copy_only=False)
    words = words.filter(pa.array(first))
    sums = np.add.reduceat(counts[order.to_numpy()], np.flatnonzero(first))
    _, bounds, values = words.buffers()
    offsets = np.frombuffer(bounds, np.int64)[words.offset : words.offset + len(words) + 1]
    return PretokenCounts(np.frombuffer(values, np.uint8)[offsets[0] : offsets[-1]], offsets - offsets[0], sums)


def _batches(texts: Iterable[str]) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Yield batches of texts as bytes, concatenated, with the end of each text."""
    pending: list[bytes] = []
    chars = 0
    for number, text in enumerate(texts):
        pending.append(to_utf8(text, f"text {number}"))
        chars += len(text)
        if chars >= _BATCH_CHARS:
            yield _joined(pending)
            pending, chars = [], 0
    if pending:
        yield _joined(pending)


def _joined(texts: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return np.frombuffer(b"".join([*texts, bytes(_LOOK_AHEAD)]), np.uint8), ends


class _Table:
    """Pre-tokens by hash, in an open-addressing table.

    Words are numbered from 1. Word w is `words[places[w, 0]:places[w + 1, 0]]` and occurred `places[w, 1]` times; its
    hash is `hashes[w]`. A slot contains the upper half of a word's hash and its number, or 0.
    """

    def __init__(self) -> None:
        self.slots = np.zeros(1 << 17, np.uint64)
        self.hashes = np.zeros(1 << 16, np.uint64)
        self.places = np.zeros((1 << 16, 2), np.int64)
        self.words = np.zeros(1 << 20, np.uint8)
        self.n_words = 0

    def add(self, data: NDArray[np.uint8], ends: NDArray[np.int64], digits: int) -> None:
        """Count the pieces of texts that are concatenated in `data`."""
        document = position = 0
        self._reserve(len(data))
        while document < len(ends):
            document, position, self.n_words = _add(
                data, _by_eight(data), ends, document, position, digits, *kind_tables(),
                self.slots, self.hashes, self.places, _by_eight(self.words), self.n_words,
            )  # fmt: skip
            if document < len(ends):
                self._grow()

    def result(self) -> PretokenCounts:
        """Return the counts."""
        begins = self.places[1 : self.n_words + 2, 0].copy()
        return _added(self.words[: begins[-1]], begins, self.places[1 : self.n_words + 1, 1])

    def _reserve(self, size: int) -> None:
        """Reserve memory for the bytes of any words in a text of `size` bytes."""
        used = int(self.places[self.n_words + 1, 0])
        if used + size > len(self.words):
            words = np.zeros(2 * len(self.words) + size, np.uint8)
            words[:used] = self.words[:used]
            self.words = words

    def _grow(self) -> None:
        """Double the number of words that the table can contain."""
        self.hashes = np.concatenate([self.hashes, np.zeros_like(self.hashes)])
        self.places = np.concatenate([self.places, np.zeros_like(self.places)])
        self.slots = _slots(self.hashes, self.n_words)


def _by_eight(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Return a view: the eight bytes from each position as one number, for all positions but the last seven."""
    return np.ndarray((len(data) - 7,), np.uint64, data.data, strides=(1,))


@njit(cache=True)
def _add(data, eights, ends, document, position, digits, by_pair, by_point, slots, hashes, places, words, n_words):  # type: ignore[no-untyped-def]
    """Count from byte `position` of a document on, until the end or until there is no space for a block of words.

    Returns the document and byte to continue from, and the number of words. A block is split first and then looked up:
    nearly every lookup misses the cache, and independent lookups wait for memory together. Arrays are not reallocated
    here: where a loop can rebind an array, numba counts references in every iteration.
    """
    begins, lengths = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    states, entries = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    heads, tails = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    while document < len(ends) and n_words + _BLOCK + 1 < len(places):
        document, position, pieces = split(data, ends, document, position, digits, by_pair, by_point, begins, lengths)
        _hash(eights, begins, lengths, pieces, states)
        for piece in range(pieces):
            entries[piece] = slots[states[piece] & uint64(len(slots) - 1)]
        for piece in range(pieces):
            begin = places[np.int64(entries[piece] & _NUMBER), 0]
            heads[piece], tails[piece] = words[begin], words[begin + 8]
        for piece in range(pieces):
            begin, length, state = begins[piece], lengths[piece], states[piece]
            word = np.int64(entries[piece] & _NUMBER)
            differ = (heads[piece] ^ eights[begin]) & _LOW[min(length, 8)]
            differ |= (tails[piece] ^ eights[begin + 8]) & _LOW[min(max(length - 8, 0), 8)]
            may_match = (
                entries[piece] & ~_NUMBER == state & ~_NUMBER and places[word + 1, 0] - places[word, 0] == length
            )
            if may_match and length <= 16 and not differ:
                places[word, 1] += 1
            else:
                n_words = _look_up(eights, begin, length, state, slots, hashes, places, words, n_words)
    return document, position, n_words


@njit(cache=True)
def _hash(eights, begins, lengths, pieces, states):  # type: ignore[no-untyped-def]
    """Write the hash of each piece to `states`."""
    for piece in range(pieces):
        position, left = begins[piece], lengths[piece]
        state = uint64(left) * _HASH
        while left >= 8:
            state = (state ^ eights[position]) * _HASH
            state ^= state >> uint64(29)
            position += 8
            left -= 8
        state = (state ^ eights[position] & _LOW[left]) * _HASH
        states[piece] = state ^ state >> uint64(32)


@njit(cache=True)
def _look_up(eights, position, length, state, slots, hashes, places, words, n_words):  # type: ignore[no-untyped-def]
    """Count a piece whose slot is unknown; it may be a new word. Returns the number of words."""
    slot = state & uint64(len(slots) - 1)
    while slots[slot]:
        if slots[slot] & ~_NUMBER == state & ~_NUMBER:
            word = np.int64(slots[slot] & _NUMBER)
            begin = places[word, 0]
            if places[word + 1, 0] - begin == length:
                i = 0
                while i + 8 <= length and words[begin + i] == eights[position + i]:
                    i += 8
                if i + 8 > length and (words[begin + i] ^ eights[position + i]) & _LOW[length - i] == 0:
                    places[word, 1] += 1
                    return n_words
        slot = slot + uint64(1) & uint64(len(slots) - 1)
    n_words += 1
    begin = places[n_words, 0]
    for i in range(0, length, 8):  # the next word overwrites the bytes beyond the end
        words[begin + i] = eights[position + i]
    places[n_words, 1], places[n_words + 1, 0], hashes[n_words] = 1, begin + length, state
    slots[slot] = state & ~_NUMBER | uint64(n_words)
    return n_words


@njit(cache=True)
def _slots(hashes, n_words):  # type: ignore[no-untyped-def]
    """Return the slots of all words, twice as many slots as words."""
    slots = np.zeros(2 * len(hashes), np.uint64)
    for word in range(1, n_words + 1):
        slot = hashes[word] & uint64(len(slots) - 1)
        while slots[slot]:
            slot = slot + uint64(1) & uint64(len(slots) - 1)
        slots[slot] = hashes[word] & ~_NUMBER | uint64(word)
    return slots
