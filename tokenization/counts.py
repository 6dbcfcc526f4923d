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

from tokenization.cut import next_cut, tables
from tokenization.pattern import MAX_DIGITS, pattern
from tokenization.utf8 import utf8

_BATCH_CHARS = 2_000_000  # texts that are turned into bytes at a time
MOST_HELD = 4_000_000  # different pieces: some 400 MB
_LOOK_AHEAD = 8  # bytes that may be read beyond the end of a text
_HASH = uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Pre-tokens and their counts, in the order of their bytes: equal corpora give equal arrays.

    Pre-token i is `data[offsets[i]:offsets[i + 1]]` (UTF-8) and occurs `counts[i]` times, at least once.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, counts: Mapping[bytes, int]) -> Counts:
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


def merged(parts: Iterable[Counts]) -> Counts:
    """The counts of all parts together.

    Parts are taken one at a time and merged with those of their size, as in a binary counter: what is held at once
    is little more than the result, however many parts there are.
    """
    held: list[Counts] = []
    for part in parts:
        held.append(part)
        while len(held) > 1 and len(held[-2].data) <= 2 * len(held[-1].data):
            held.append(_together([held.pop(), held.pop()]))
    return _together(held)


def save(counts: Counts, file: IO[bytes] | Any) -> None:
    """Write to a binary file, behind what it holds."""
    for array in (counts.data, counts.offsets, counts.counts):
        np.save(file, array, allow_pickle=False)


def load(data: bytes) -> Iterator[Counts]:
    """What `save` wrote into one file, one after the other."""
    file = io.BytesIO(data)
    while file.tell() < len(data):
        yield Counts(*(np.load(file, allow_pickle=False) for _ in range(3)))


def _together(some: Sequence[Counts]) -> Counts:
    held = [Counts.of({}), *some]
    sizes = np.concatenate([np.diff(part.offsets) for part in held])
    return _added(
        np.concatenate([part.data for part in held]),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        np.concatenate([part.counts for part in held]),
    )


def count(texts: Iterable[str], split: str) -> Counts:
    """Cut texts by a pre-token pattern and count the pieces.

    Memory grows with the number of different pieces, not with the text. Patterns of `pattern.pattern()` are run
    by `cut`, some 50 MB/s a core; any other by the engine of `tokenizers`, some 4 MB/s. Raises EncodingError for a
    text with lone surrogates.
    """
    return merged(count_in_runs(texts, split))


def count_in_runs(texts: Iterable[str], split: str, *, held: int = MOST_HELD) -> Iterator[Counts]:
    """As `count`, in counts that add up to the whole: of some `held` different pieces each, so that memory is bounded
    however much text there is and whatever it holds."""
    digits = next((digits for digits in range(1, MAX_DIGITS + 1) if split == pattern(digits)), None)
    if digits is None:
        yield _counted_by_engine(texts, split)
        return
    table = _Table()
    for data, ends in _batches(texts):
        table.add(data, ends, digits)
        if table.known >= held:
            yield table.result()
            table = _Table()
    if table.known:
        yield table.result()


def _counted_by_engine(texts: Iterable[str], split: str) -> Counts:
    from tokenizers import Regex, pre_tokenizers

    engine = pre_tokenizers.Split(Regex(split), "isolated")
    total: Counter[str] = Counter()
    for number, text in enumerate(texts):
        utf8(text, f"text {number}")
        total.update([piece for piece, _ in engine.pre_tokenize_str(text)])
    return Counts.of({word.encode(): times for word, times in total.items()})


def _added(data: NDArray[np.uint8], offsets: NDArray[np.int64], counts: NDArray[np.int64]) -> Counts:
    """Equal pre-tokens made one, and all in order."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(counts):
        return Counts(np.zeros(0, np.uint8), np.zeros(1, np.int64), np.zeros(0, np.int64))
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
    return Counts(np.frombuffer(held, np.uint8)[offsets[0] : offsets[-1]], offsets - offsets[0], sums)


def _batches(texts: Iterable[str]) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Texts as bytes, one after the other, and where each ends."""
    held: list[bytes] = []
    chars = 0
    for number, text in enumerate(texts):
        held.append(utf8(text, f"text {number}"))
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
    """Pre-tokens by hash, open addressing. Word w is `words[begins[w]:begins[w + 1]]`, and came `counts[w]` times."""

    def __init__(self) -> None:
        self.slots = np.full(1 << 17, -1, np.int32)
        self.hashes = np.zeros(1 << 17, np.uint64)
        self.begins = np.zeros((1 << 16) + 1, np.int64)
        self.counts = np.zeros(1 << 16, np.int64)
        self.words = np.empty(1 << 20, np.uint8)
        self.known = 0

    def add(self, data: NDArray[np.uint8], ends: NDArray[np.int64], digits: int) -> None:
        """Count the pieces of texts that stand one after the other in `data`."""
        document = at = 0
        self._make_room(len(data))
        while document < len(ends):
            document, at, self.known = _add(
                data, ends, document, at, digits, *tables(),
                self.slots, self.hashes, self.begins, self.counts, self.words, self.known,
            )  # fmt: skip
            if self.known == len(self.counts):
                self._grow()

    def result(self) -> Counts:
        """What was counted."""
        known = self.known
        return _added(self.words[: self.begins[known]], self.begins[: known + 1], self.counts[:known])

    def _make_room(self, size: int) -> None:
        """For the bytes of any words that so much text may bring."""
        used = int(self.begins[self.known])
        if used + size > len(self.words):
            words = np.empty(2 * len(self.words) + size, np.uint8)
            words[:used] = self.words[:used]
            self.words = words

    def _grow(self) -> None:
        """Twice as many words."""
        self.counts = np.concatenate([self.counts, np.zeros_like(self.counts)])
        self.begins = np.concatenate([self.begins, np.zeros(self.known, np.int64)])
        self.slots, self.hashes = _rehashed(self.slots, self.hashes)


@njit(cache=True)
def _add(data, ends, document, at, digits, by_pair, by_point, slots, hashes, begins, counts, words, known):  # type: ignore[no-untyped-def]
    """Count from byte `at` of a document on, until all is done or there is no room for another word.

    Returns the document and byte to go on from, and how many words are known. Arrays aren't grown here: where a loop
    may rebind an array, numba counts its references in every turn, and all takes twice as long.
    """
    mask = len(slots) - 1
    while document < len(ends):
        end = ends[document]
        while at < end:
            if known == len(counts):
                return document, at, known
            cut = next_cut(data, at, end, digits, by_pair, by_point)
            length = cut - at
            state = uint64(length)
            for i in range(at, cut):
                state = (state ^ uint64(data[i])) * _HASH
            state ^= state >> uint64(32)
            slot = np.int64(state) & mask
            while slots[slot] >= 0:
                if hashes[slot] == state:
                    begin = begins[slots[slot]]
                    if begins[slots[slot] + 1] - begin == length:
                        i = 0
                        while i < length and words[begin + i] == data[at + i]:
                            i += 1
                        if i == length:
                            break
                slot = (slot + 1) & mask
            if slots[slot] >= 0:
                counts[slots[slot]] += 1
            else:
                begin = begins[known]
                for i in range(length):
                    words[begin + i] = data[at + i]
                slots[slot], hashes[slot] = known, state
                counts[known] = 1
                known += 1
                begins[known] = begin + length
            at = cut
        document += 1
    return document, at, known


@njit(cache=True)
def _rehashed(slots, hashes):  # type: ignore[no-untyped-def]
    new_slots = np.full(2 * len(slots), -1, np.int32)
    new_hashes = np.zeros(2 * len(slots), np.uint64)
    mask = len(new_slots) - 1
    for old in range(len(slots)):
        if slots[old] >= 0:
            slot = np.int64(hashes[old]) & mask
            while new_slots[slot] >= 0:
                slot = (slot + 1) & mask
            new_slots[slot], new_hashes[slot] = slots[old], hashes[old]
    return new_slots, new_hashes
