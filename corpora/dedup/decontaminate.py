"""Decontamination: find documents that contain a passage of an evaluation set, by word n-grams.

A document is contaminated if it shares one word n-gram (13 words by default) with a record of an evaluation set. Words
are compared as in `corpora.dedup.word_hashes` (without case, marks and punctuation). Digits are compared by value,
because questions made from one template may differ only in their numbers.

The n-grams of a record are those of each of its texts, at any depth, and those of all its texts concatenated. A text
shorter than an n-gram but of at least SHORTEST words is one n-gram. Shorter texts occur on the web by chance and are
ignored; records with no other text are counted (`short`).

Other tools: GPT-3 used n-grams of 8 to 13 words, chosen for each evaluation set, without case and punctuation (Brown
et al., 2020, appendix C); lm-evaluation-harness uses 13; NeMo Curator 8 to 13; datatrove 12, of the answer or across
question and answer. GPT-3 and NeMo Curator remove 200 characters around a match; arcorp and datatrove drop the
document.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow
from numba import njit

from corpora.arrow_text import chunks
from corpora.dedup.evaluation_files import evaluation_name, records
from corpora.dedup.word_hashes import WINDOW, letters, mix, take_words
from corpora.errors import BadInput
from corpora.reading import File

SHORTEST = 8
"""Smallest number of words in a passage that is searched for."""


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """Counts of one evaluation file.

    name: see `evaluation_name`. records: number of records. short: records without an n-gram. ngrams: number of
    different n-grams; with none, no document can match. fields: names of the fields whose texts were compared; empty
    for a file of lines.
    """

    name: str
    records: int
    short: int
    ngrams: int
    fields: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object, as recorded in the seal of the dedup stage."""
        counts = {"name": self.name, "records": self.records, "short": self.short, "ngrams": self.ngrams}
        return {**counts, "fields": list(self.fields)}


@dataclass(frozen=True)
class Evaluation:
    """N-grams of evaluation sets.

    sets: the sets, in the order of their files. ngram: words in an n-gram.
    keys: hashes of all n-grams, sorted, uint64 (n-grams,). owners: index of the first set with each key.
    has_length: true for each number of words that some n-gram has, shape (ngram + 1,).
    sieve: one bit for the top bits of each key; see `_sieve`.
    """

    sets: tuple[EvaluationSet, ...]
    ngram: int
    keys: npt.NDArray[np.uint64]
    owners: npt.NDArray[np.uint16]
    has_length: npt.NDArray[np.bool_]
    sieve: npt.NDArray[np.uint8]

    def find(self, texts: pyarrow.ChunkedArray) -> npt.NDArray[np.uint16]:
        """Return 1 + the index of the evaluation set of each text's first match, 0 if none; uint16 (texts,)."""
        matches = np.zeros(len(texts), np.uint16)
        words, first = np.empty(WINDOW, np.uint64), 0
        table = letters(numbers=True)
        for data, offsets in chunks(texts):
            stop = first + offsets.size - 1
            part = matches[first:stop]
            _find(data, offsets, table, words, self.keys, self.owners, self.has_length, self.sieve, part)
            first = stop
        return matches


def read_evaluation(files: Sequence[File], ngram: int, fields: Sequence[str] = ()) -> Evaluation:
    """Read the n-grams of evaluation files.

    ngram: words in an n-gram. fields: names of the fields whose texts are read; all fields with text if empty.
    Raises BadInput for a file that has no records, has an unreadable record, has an unknown format, or has no such
    field.
    """
    sets: list[EvaluationSet] = []
    keys: list[npt.NDArray[np.uint64]] = []
    has_length = np.zeros(ngram + 1, bool)
    for file in files:
        file_keys: list[npt.NDArray[np.uint64]] = []
        count = short = 0
        names: dict[str, None] = {}
        for pairs in records(file, fields):
            texts = [text for _, text in pairs]
            names |= dict.fromkeys(name for name, _ in pairs if name)
            count += 1
            grams = [ngrams for text in [*texts, "\n".join(texts)] for ngrams in _ngrams(text, ngram, has_length)]
            short += not grams
            file_keys += grams
        if not count:
            raise BadInput(file.path, "contains no records", mend="remove it from the inputs, or name another file")
        set_keys = np.unique(np.concatenate(file_keys)) if file_keys else np.empty(0, np.uint64)
        keys.append(set_keys)
        sets.append(EvaluationSet(evaluation_name(file), count, short, set_keys.size, tuple(names)))
    all_keys, first = np.unique(np.concatenate([np.empty(0, np.uint64), *keys]), return_index=True)
    owners = np.repeat(np.arange(len(keys), dtype=np.uint16), [set_keys.size for set_keys in keys])[first]
    return Evaluation(tuple(sets), ngram, all_keys, owners, has_length, _sieve(all_keys))


def _ngrams(text: str, ngram: int, has_length: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[np.uint64]]:
    """Yield the keys of a text's n-grams as one array, or nothing if the text is too short; set `has_length`."""
    data = np.frombuffer(text.encode(), np.uint8)
    words = np.empty(data.size + 1, np.uint64)
    count, _ = take_words(data, 0, data.size, letters(numbers=True), words, 0)
    length = min(ngram, count)
    if length >= min(ngram, SHORTEST):
        has_length[length] = True
        yield np.array([_key(words, start, length) for start in range(count - length + 1)], np.uint64)


def _sieve(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Return a bit array indexed by the top bits of a key, with at least 16 bits for each key.

    A bit of zero proves that no key has these top bits, so that most words need no binary search.
    """
    bits = max(10, math.ceil(math.log2(max(1, 16 * keys.size))))
    places = keys >> np.uint64(64 - bits)
    sieve = np.zeros(1 << (bits - 3), np.uint8)
    np.bitwise_or.at(sieve, places >> np.uint64(3), np.uint8(1) << (places & np.uint64(7)).astype(np.uint8))
    return sieve


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _key(words: Any, start: int, length: int) -> Any:
    """Return the hash of the n-gram `words[start:start + length]`."""
    gram = np.uint64(0)
    for index in range(start, start + length):
        gram = gram * np.uint64(0xD6E8FEB86659FD93) + words[index]
    return mix(gram + np.uint64(length))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find(
    data: Any,
    offsets: Any,
    letters: Any,
    words: Any,
    keys: Any,
    owners: Any,
    has_length: Any,
    sieve: Any,
    matches: Any,
) -> None:
    """Write to `matches` 1 + the index of the first matching set of each text; leave 0 if there is none.

    `words` is scratch space: a window over the word hashes of one text.
    """
    ngram = has_length.size - 1
    shift = np.uint64(61)  # 64 minus the number of top bits that index the sieve
    while np.uint64(sieve.size) >> (np.uint64(61) - shift) > 1:
        shift -= np.uint64(1)
    for text in range(matches.size):
        position, stop = offsets[text], offsets[text + 1]
        count, position = take_words(data, position, stop, letters, words, np.int64(0))
        while count and not matches[text]:
            # The last ngram - 1 words may begin an n-gram that continues in the next window.
            last = count < words.size
            starts = count if last else count - ngram + 1
            for start in range(starts):
                match = _match(words, start, min(ngram, count - start), keys, owners, has_length, sieve, shift)
                if match:
                    matches[text] = match
                    break
            if last:
                break
            for index in range(count - starts):
                words[index] = words[starts + index]
            count, position = take_words(data, position, stop, letters, words, count - starts)


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _match(words: Any, start: int, most: int, keys: Any, owners: Any, has_length: Any, sieve: Any, shift: Any) -> int:
    """Return 1 + the owner of the shortest n-gram in `keys` that begins at `words[start]`; 0 if none.

    `most`: the largest number of words to compare.
    """
    gram = np.uint64(0)
    for length in range(1, most + 1):
        gram = gram * np.uint64(0xD6E8FEB86659FD93) + words[start + length - 1]
        if not has_length[length]:
            continue
        key = mix(gram + np.uint64(length))
        place = key >> shift
        if sieve[place >> np.uint64(3)] >> (place & np.uint64(7)) & 1:
            low = np.searchsorted(keys, key)
            if low < keys.size and keys[low] == key:
                return int(owners[low]) + 1
    return 0
