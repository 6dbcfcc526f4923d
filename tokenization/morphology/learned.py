"""The learned segmenter: logistic regression decides for each position inside a word whether it is a boundary.

Function words of dialects have the boundaries of a list (`closed_class`). The weights are installed with the package
(`data/segmenter.npz`, read without pickle): 2^18 weights of hashed features, frequencies of words, and probabilities
of open-stem analyses (see `features`). `data/segmenter.json` lists the inputs that they were made from.
`train_learned` makes both files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numba import njit
from numpy.typing import NDArray

from tokenization.errors import SegmenterError
from tokenization.morphology.closed_class import CLOSED
from tokenization.morphology.features import (
    BITS,
    FEATURES,
    LONGEST,
    PREFIXES,
    SUFFIXES,
    affix_table,
    encode_letters,
    fill_margins,
    list_features,
)
from tokenization.morphology.segmenter import Boundaries
from tokenization.morphology.weights import shipped_weights
from tokenization.untrusted import NPY_FAULTS

FORMAT = 2
_SHAPES = {"weights": (1 << BITS,), "prefixes": (len(PREFIXES),), "suffixes": (len(SUFFIXES),)}


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Statistics of unlabelled text: open-addressing tables of hashes and levels, and log-probabilities of affixes."""

    words: tuple[NDArray[np.uint64], NDArray[np.uint8]]
    stems: tuple[NDArray[np.uint64], NDArray[np.uint8]]
    prefixes: NDArray[np.float32]
    suffixes: NDArray[np.float32]

    def margin_model(self) -> tuple[NDArray[Any], ...]:
        """Return the arguments of `features.fill_margins`."""
        return (*self.stems, self.prefixes, self.suffixes)


class LearnedSegmenter:
    """Sets a boundary where the model gives it a probability above one half."""

    def __init__(self, weights: NDArray[np.float32], tables: Tables) -> None:
        self.weights = weights
        self.tables = tables

    @classmethod
    @cache
    def shipped(cls) -> LearnedSegmenter:
        """Return the model that is installed with the package."""
        with shipped_weights() as path:
            return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> LearnedSegmenter:
        """Read a model. Raises SegmenterError if the file is not a model of this version."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as file_arrays:
                arrays = {name: file_arrays[name] for name in file_arrays.files}
        except (*NPY_FAULTS, BadZipFile) as error:
            raise SegmenterError(f"{path}: cannot be read ({error}); install arcorp again") from error
        expected = {
            "format",
            "weights",
            "word_keys",
            "word_levels",
            "stem_keys",
            "stem_levels",
            "prefixes",
            "suffixes",
        }
        if set(arrays) != expected or arrays["format"] != FORMAT:
            raise SegmenterError(f"{path}: is not a segmenter of format {FORMAT}; install arcorp again")
        if any(arrays[name].shape != shape for name, shape in _SHAPES.items()):
            raise SegmenterError(f"{path}: its arrays have wrong shapes; install arcorp again")
        tables = Tables(
            build_table(arrays["word_keys"], arrays["word_levels"]),
            build_table(arrays["stem_keys"], arrays["stem_levels"]),
            arrays["prefixes"].astype(np.float32),
            arrays["suffixes"].astype(np.float32),
        )
        return cls(arrays["weights"].astype(np.float32), tables)

    def boundaries(self, words: Sequence[str]) -> list[Boundaries]:
        """Return the boundaries of each word, in order: of function words those of `closed_class`.

        Words longer than 40 letters have none.
        """
        letters, offsets = encode_letters(words)
        marks = _decide(letters, offsets, affixes(), self.tables.margin_model(), self.tables.words, self.weights)
        of_words: list[list[int]] = [[] for _ in words]
        places = np.flatnonzero(marks)
        owners = np.searchsorted(offsets, places, side="right") - 1
        for word, place in zip(owners.tolist(), (places - offsets[owners]).tolist(), strict=True):
            of_words[word].append(place)
        return [CLOSED.get(word, tuple(own)) for word, own in zip(words, of_words, strict=True)]


@cache
def affixes() -> tuple[NDArray[Any], ...]:
    """Return hashes and inner boundaries of prefixes, then of suffixes."""
    return (*affix_table(PREFIXES), *affix_table(SUFFIXES))


def build_table(keys: NDArray[np.uint64], levels: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """Return distinct hashes and their levels as an open-addressing table."""
    capacity = 1 << max(4, (2 * len(keys)).bit_length())
    table = np.zeros(capacity, np.uint64), np.zeros(capacity, np.uint8)
    _enter(*table, keys, levels)
    return table


@njit(cache=True)
def _enter(table, values, keys, levels):  # type: ignore[no-untyped-def]
    mask = len(table) - 1
    for number in range(len(keys)):
        slot = np.int64(keys[number] >> np.uint64(20)) & mask
        while table[slot] != 0:
            slot = (slot + 1) & mask
        table[slot], values[slot] = keys[number], levels[number]


@njit(cache=True)
def _decide(letters, offsets, affixes, model, words, weights):  # type: ignore[no-untyped-def]
    """Return for every letter whether a boundary precedes it."""
    marks = np.zeros(len(letters), np.bool_)
    best = np.empty((2, LONGEST), np.float64)
    buffers = np.empty((64, 2), np.int64), np.empty((64, 2), np.int64)
    out = np.empty(FEATURES, np.int64)
    for word in range(len(offsets) - 1):
        begin, end = offsets[word], offsets[word + 1]
        if end - begin < 2 or end - begin > LONGEST:
            continue
        fill_margins(letters, begin, end, affixes, model, buffers, best)
        for place in range(1, end - begin):
            total = 0.0
            for feature in range(list_features(letters, begin, end, place, words, best, out)):
                total += weights[out[feature]]
            marks[begin + place] = total > 0
    return marks
