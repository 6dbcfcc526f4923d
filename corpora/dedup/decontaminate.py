"""Documents that hold a passage of an evaluation set: found by word n-grams, so that no model is tested on what it
was trained on.

A document is contaminated if it shares one n-gram of words (13 unless told otherwise) with a record of an evaluation
set. Words are compared as `corpora.dedup.word_hashes` has them (no case, marks, punctuation), digits by their value,
as questions of one template may differ in their numbers alone. A record is looked for by the n-grams of each of its
texts, at any depth, and of all of them one after the other; a text of fewer words than an n-gram is looked for whole,
if it has SHORTEST. What has fewer words is on the web by chance, and is not looked for: such records are counted
(`short`).

Facts: GPT-3 took n-grams of 8 to 13 words by evaluation set, without case and punctuation (Brown et al., 2020,
appendix C); lm-evaluation-harness 13 for all; NeMo Curator 8 to 13; datatrove 12, of the answer or across question and
answer. GPT-3 and NeMo Curator cut 200 characters around a match out; here the document goes, as datatrove has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow
from numba import njit

from corpora.arrow_text import chunks
from corpora.dedup.word_hashes import WINDOW, letters, mix, take_words
from corpora.errors import BadInput
from corpora.reading import File, Format, JsonLines, Lines, Lost, Parquet, find_files, sniff

FILES = ("*.jsonl", "*.jsonl.*", "*.parquet", "*.txt", "*.txt.*")
SHORTEST = 8
"""Words in the shortest passage that is looked for."""


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """One file of records to be evaluated on, and how many of them are too short to be looked for."""

    name: str
    records: int
    short: int
    ngrams: int

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "records": self.records, "short": self.short, "ngrams": self.ngrams}


@dataclass(frozen=True)
class Evaluation:
    """N-grams of evaluation sets: `keys` sorted, `owners[k]` the first set that has `keys[k]`."""

    sets: tuple[EvaluationSet, ...]
    ngram: int
    keys: npt.NDArray[np.uint64]
    owners: npt.NDArray[np.uint16]
    wanted: npt.NDArray[np.bool_]  # by length: whether any n-gram has so many words
    sieve: npt.NDArray[np.uint8]  # a bit for the top bits of each key

    def find(self, texts: pyarrow.ChunkedArray) -> npt.NDArray[np.uint16]:
        """For each text 0, or 1 + the number of the set that its first match is of."""
        found = np.zeros(len(texts), np.uint16)
        words, first = np.empty(WINDOW, np.uint64), 0
        table = letters(numbers=True)
        for data, offsets in chunks(texts):
            stop = first + offsets.size - 1
            part = found[first:stop]
            _find(data, offsets, table, words, self.keys, self.owners, self.wanted, self.sieve, part)
            first = stop
        return found


def evaluation_inputs(inputs: Sequence[str | Path]) -> list[File]:
    """The evaluation files that `inputs` lead to. Raises NothingFound, BadInput."""
    return find_files(inputs, FILES)


def evaluation_name(file: File) -> str:
    """What an evaluation set is called: its file's name without its endings ("arc/test")."""
    path = PurePosixPath(file.name)
    return str(path.with_name(path.name.partition(".")[0] or path.name))


def read_evaluation(files: Sequence[File], ngram: int) -> Evaluation:
    """The n-grams of evaluation files. Raises BadInput for a file without records, or with one that can't be read."""
    sets: list[EvaluationSet] = []
    keys: list[npt.NDArray[np.uint64]] = []
    wanted = np.zeros(ngram + 1, bool)
    for file in files:
        mine: list[npt.NDArray[np.uint64]] = []
        records = short = 0
        for texts in _records(file):
            records += 1
            grams = [found for text in [*texts, "\n".join(texts)] for found in _ngrams(text, ngram, wanted)]
            short += not grams
            mine += grams
        if not records:
            raise BadInput(file.path, "holds no record to look for", mend="leave it out, or name another file")
        ours = np.unique(np.concatenate(mine)) if mine else np.empty(0, np.uint64)
        keys.append(ours)
        sets.append(EvaluationSet(evaluation_name(file), records, short, ours.size))
    everything, first = np.unique(np.concatenate([np.empty(0, np.uint64), *keys]), return_index=True)
    owners = np.repeat(np.arange(len(keys), dtype=np.uint16), [each.size for each in keys])[first]
    return Evaluation(tuple(sets), ngram, everything, owners, wanted, _sieve(everything))


def _ngrams(text: str, ngram: int, wanted: npt.NDArray[np.bool_]) -> Iterator[npt.NDArray[np.uint64]]:
    """The keys of a text's n-grams, or of all of it; notes their length."""
    data = np.frombuffer(text.encode(), np.uint8)
    words = np.empty(data.size + 1, np.uint64)
    count, _ = take_words(data, 0, data.size, letters(numbers=True), words, 0)
    length = min(ngram, count)
    if length >= min(ngram, SHORTEST):
        wanted[length] = True
        yield np.array([_key(words, start, length) for start in range(count - length + 1)], np.uint64)


def _records(file: File) -> Iterator[list[str]]:
    """The texts of each record."""
    kind = sniff(file)
    format_ = _format(file, kind.container)
    for part in format_.slices(file, kind):
        for row in format_.rows(part):
            if isinstance(row, Lost):
                mend = "mend it, or leave it out: what can't be read can't be looked for"
                raise BadInput(file.path, f"a record can't be read ({row.reason})", place=f"at {row.key}", mend=mend)
            yield [text for text in _texts(row.value) if text.strip()]


def _format(file: File, container: str) -> Format:
    if container == "parquet":
        return Parquet("")
    if container != "stream":
        raise BadInput(file.path, f"is {container}; evaluation sets are JSON lines, Parquet or text")
    return JsonLines() if ".jsonl" in PurePosixPath(file.name).suffixes else Lines()


def _texts(value: Any) -> Iterator[str]:
    """Every string in a record, in order, at any depth."""
    if isinstance(value, str):
        yield value.encode(errors="replace").decode()  # JSON may hold lone surrogates
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


def _sieve(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """Bits by the top bits of keys, at least 16 bits a key: most words are told apart without a search."""
    bits = max(10, math.ceil(math.log2(max(1, 16 * keys.size))))
    places = keys >> np.uint64(64 - bits)
    sieve = np.zeros(1 << (bits - 3), np.uint8)
    np.bitwise_or.at(sieve, places >> np.uint64(3), np.uint8(1) << (places & np.uint64(7)).astype(np.uint8))
    return sieve


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _key(words: Any, start: int, length: int) -> Any:
    gram = np.uint64(0)
    for place in range(start, start + length):
        gram = gram * np.uint64(0xD6E8FEB86659FD93) + words[place]
    return mix(gram + np.uint64(length))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _find(
    data: Any, offsets: Any, letters: Any, words: Any, keys: Any, owners: Any, wanted: Any, sieve: Any, found: Any
) -> None:
    ngram = wanted.size - 1
    shift = np.uint64(61)  # 64 less the bits of the sieve
    while np.uint64(sieve.size) >> (np.uint64(61) - shift) > 1:
        shift -= np.uint64(1)
    for text in range(found.size):
        at, stop = offsets[text], offsets[text + 1]
        count, at = take_words(data, at, stop, letters, words, 0)
        while count and not found[text]:
            # Words that a longer n-gram than is there may begin with wait for the next window, if there is one.
            last = count < words.size
            starts = count if last else count - ngram + 1
            for start in range(starts):
                which = _match(words, start, min(ngram, count - start), keys, owners, wanted, sieve, shift)
                if which:
                    found[text] = which
                    break
            if last:
                break
            for place in range(count - starts):
                words[place] = words[starts + place]
            count, at = take_words(data, at, stop, letters, words, count - starts)


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _match(words: Any, start: int, most: int, keys: Any, owners: Any, wanted: Any, sieve: Any, shift: Any) -> int:
    """1 + the owner of the shortest known n-gram that begins at a word, 0 if there is none."""
    gram = np.uint64(0)
    for length in range(1, most + 1):
        gram = gram * np.uint64(0xD6E8FEB86659FD93) + words[start + length - 1]
        if not wanted[length]:
            continue
        key = mix(gram + np.uint64(length))
        place = key >> shift
        if sieve[place >> np.uint64(3)] >> (place & np.uint64(7)) & 1:
            low = np.searchsorted(keys, key)
            if low < keys.size and keys[low] == key:
                return int(owners[low]) + 1
    return 0
