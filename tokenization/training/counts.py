"""How often each pre-token occurs: all that BPE training needs to know about a corpus.

A pre-token is a piece of text that the pre-token pattern cuts out (a word with the space before it, a digit,
a run of signs); merges never cross its ends, so a corpus may be forgotten once its pre-tokens are counted.
Counts of parts add up to the counts of the whole, in any order, whoever counted them.
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

_BATCH_CHARS = 2_000_000  # texts that are turned into bytes at a time
MOST_HELD = 4_000_000  # different pieces: some 400 MB
_LOOK_AHEAD = 32  # bytes behind the last text: pieces are read sixteen bytes at a time, whatever their length
_BLOCK = 2048  # pieces that are looked up together
_HASH = uint64(0x9E3779B97F4A7C15)
_NUMBER = uint64(0xFFFFFFFF)  # the half of a slot that is a word's number
_LOW = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)  # the first `size` bytes of eight


@dataclass(frozen=True, slots=True, eq=False)
class PretokenCounts:
    """Pre-tokens and their counts, in the order of their bytes: equal corpora give equal arrays.

    Pre-token i is `data[offsets[i]:offsets[i + 1]]` (UTF-8) and occurs `counts[i]` times, at least once.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, counts: Mapping[bytes, int]) -> PretokenCounts:
        """From a mapping of pre-tokens to how often they occur; those that don't occur are left out."""
        words = [word for word, count in counts.items() if count > 0 and word]
        offsets = np.zeros(len(words) + 1, np.int64)
        np.cumsum([len(word) for word in words], out=offsets[1:])
        data = np.frombuffer(b"".join(words), np.uint8)
        return _added(data, offsets, np.array([counts[word] for word in words], np.int64))

    def items(self) -> Iterator[tuple[bytes, int]]:
        """Each pre-token with its count."""
        data, bounds = self.data.tobytes(), self.offsets.tolist()
        for start, end, count in zip(bounds, bounds[1:], self.counts.tolist(), strict=False):
            yield data[start:end], count

    def __len__(self) -> int:
        """How many different pre-tokens there are."""
        return len(self.counts)

    @property
    def total(self) -> int:
        """How many pre-tokens the text had."""
        return int(self.counts.sum())


def merge_counts(parts: Iterable[PretokenCounts]) -> PretokenCounts:
    """The counts of all parts together.

    Parts are taken one at a time and merged with those of their size, as in a binary counter: what is held at once
    is little more than the result, however many parts there are.
    """
    held: list[PretokenCounts] = []
    for part in parts:
        held.append(part)
        while len(held) > 1 and len(held[-2].data) <= 2 * len(held[-1].data):
            held.append(_together([held.pop(), held.pop()]))
    return _together(held)


def save_counts(counts: PretokenCounts, file: IO[bytes] | Any) -> None:
    """Write to a binary file, behind what it holds."""
    for array in (counts.data, counts.offsets, counts.counts):
        np.save(file, array, allow_pickle=False)


def load_counts(data: bytes) -> Iterator[PretokenCounts]:
    """What `save` wrote into one file, one after the other."""
    file = io.BytesIO(data)
    while file.tell() < len(data):
        yield PretokenCounts(*(np.load(file, allow_pickle=False) for _ in range(3)))


def _together(counts: Sequence[PretokenCounts]) -> PretokenCounts:
    parts = [PretokenCounts.of({}), *counts]
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    return _added(
        np.concatenate([part.data for part in parts]),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([part.counts for part in parts]),
    )


def count_pretokens(texts: Iterable[str], pattern: str) -> PretokenCounts:
    """Cut texts by a pre-token pattern and count the pieces.

    Memory grows with the number of different pieces, not with the text. Patterns of `pattern.pattern()` are run
    by `cut`, some 90 MB/s a core; any other by the engine of `tokenizers`, some 4 MB/s. Raises EncodingError for a
    text with lone surrogates.
    """
    return merge_counts(count_in_runs(texts, pattern))


def count_in_runs(texts: Iterable[str], pattern: str, *, max_held: int = MOST_HELD) -> Iterator[PretokenCounts]:
    """As `count`, in counts that add up to the whole: of some `held` different pieces each, so that memory is bounded
    however much text there is and whatever it holds."""
    digits = next((digits for digits in range(1, MAX_DIGITS + 1) if pattern == pretoken_pattern(digits)), None)
    if digits is None:
        yield _counted_by_engine(texts, pattern)
        return
    table = _Table()
    for data, ends in _batches(texts):
        table.add(data, ends, digits)
        if table.known >= max_held:
            yield table.result()
            table = _Table()
    if table.known:
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
    """Equal pre-tokens made one, and all in order."""
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
    _, bounds, held = words.buffers()
    offsets = np.frombuffer(bounds, np.int64)[words.offset : words.offset + len(words) + 1]
    return PretokenCounts(np.frombuffer(held, np.uint8)[offsets[0] : offsets[-1]], offsets - offsets[0], sums)


def _batches(texts: Iterable[str]) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Texts as bytes, one after the other, and where each ends."""
    held: list[bytes] = []
    chars = 0
    for number, text in enumerate(texts):
        held.append(to_utf8(text, f"text {number}"))
        chars += len(text)
        if chars >= _BATCH_CHARS:
            yield _joined(held)
            held, chars = [], 0
    if held:
        yield _joined(held)


def _joined(texts: list[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return np.frombuffer(b"".join([*texts, bytes(_LOOK_AHEAD)]), np.uint8), ends


class _Table:
    """Pre-tokens by hash, open addressing.

    Words are numbered from 1. Word w is `words[places[w, 0]:places[w + 1, 0]]` and came `places[w, 1]` times; its hash
    is `hashes[w]`. A slot holds the upper half of a word's hash and its number, or 0.
    """

    def __init__(self) -> None:
        self.slots = np.zeros(1 << 17, np.uint64)
        self.hashes = np.zeros(1 << 16, np.uint64)
        self.places = np.zeros((1 << 16, 2), np.int64)
        self.words = np.zeros(1 << 20, np.uint8)
        self.known = 0

    def add(self, data: NDArray[np.uint8], ends: NDArray[np.int64], digits: int) -> None:
        """Count the pieces of texts that stand one after the other in `data`."""
        document = position = 0
        self._make_room(len(data))
        while document < len(ends):
            document, position, self.known = _add(
                data, _by_eight(data), ends, document, position, digits, *kind_tables(),
                self.slots, self.hashes, self.places, _by_eight(self.words), self.known,
            )  # fmt: skip
            if document < len(ends):
                self._grow()

    def result(self) -> PretokenCounts:
        """What was counted."""
        begins = self.places[1 : self.known + 2, 0].copy()
        return _added(self.words[: begins[-1]], begins, self.places[1 : self.known + 1, 1])

    def _make_room(self, size: int) -> None:
        """For the bytes of any words that so much text may bring."""
        used = int(self.places[self.known + 1, 0])
        if used + size > len(self.words):
            words = np.zeros(2 * len(self.words) + size, np.uint8)
            words[:used] = self.words[:used]
            self.words = words

    def _grow(self) -> None:
        """Twice as many words."""
        self.hashes = np.concatenate([self.hashes, np.zeros_like(self.hashes)])
        self.places = np.concatenate([self.places, np.zeros_like(self.places)])
        self.slots = _slots(self.hashes, self.known)


def _by_eight(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The eight bytes that begin at each byte but the last seven, as a number each; a view."""
    return np.ndarray((len(data) - 7,), np.uint64, data.data, strides=(1,))


@njit(cache=True)
def _add(data, eights, ends, document, position, digits, by_pair, by_point, slots, hashes, places, words, known):  # type: ignore[no-untyped-def]
    """Count from byte `at` of a document on, until all is done or there is no room for another block of words.

    Returns the document and byte to go on from, and how many words are known. A block is cut first and then looked
    up, since nearly every look misses the cache: those of a block, which don't wait for one another, miss together.
    Arrays aren't grown here: where a loop may rebind an array, numba counts its references in every turn.
    """
    begins, lengths = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    states, entries = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    heads, tails = np.empty(_BLOCK, np.uint64), np.empty(_BLOCK, np.uint64)
    while document < len(ends) and known + _BLOCK + 1 < len(places):
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
            alike = entries[piece] & ~_NUMBER == state & ~_NUMBER and places[word + 1, 0] - places[word, 0] == length
            if alike and length <= 16 and not differ:
                places[word, 1] += 1
            else:
                known = _look_up(eights, begin, length, state, slots, hashes, places, words, known)
    return document, position, known


@njit(cache=True)
def _hash(eights, begins, lengths, pieces, states):  # type: ignore[no-untyped-def]
    """A hash of each piece."""
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
def _look_up(eights, position, length, state, slots, hashes, places, words, known):  # type: ignore[no-untyped-def]
    """Count a piece that may be anywhere, or nowhere yet. Returns how many words are known then."""
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
                    return known
        slot = slot + uint64(1) & uint64(len(slots) - 1)
    known += 1
    begin = places[known, 0]
    for i in range(0, length, 8):  # what is written beyond its end the next word overwrites
        words[begin + i] = eights[position + i]
    places[known, 1], places[known + 1, 0], hashes[known] = 1, begin + length, state
    slots[slot] = state & ~_NUMBER | uint64(known)
    return known


@njit(cache=True)
def _slots(hashes, known):  # type: ignore[no-untyped-def]
    """Where the words are, twice as many slots as there is room for words."""
    slots = np.zeros(2 * len(hashes), np.uint64)
    for word in range(1, known + 1):
        slot = hashes[word] & uint64(len(slots) - 1)
        while slots[slot]:
            slot = slot + uint64(1) & uint64(len(slots) - 1)
        slots[slot] = hashes[word] & ~_NUMBER | uint64(word)
    return slots
