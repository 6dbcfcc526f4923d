"""Encoding of many texts: the fast engine, checked against the reference engine.

`fastokens` is 30 times as fast as `tokenizers`, and recent. The code points that the two engines split differently are
determined for each pattern (`engine_differences`). Documents that have one are encoded by `tokenizers`, and counted.
Both engines also encode the first documents of each part and one of each thousand others, chosen by a keyed hash. If
one id differs, the whole part is encoded by `tokenizers`, and the result reports this. A tokenizer that fastokens does
not support is always encoded by `tokenizers`.

Names of special tokens inside a text are encoded as text. Batches are limited by characters, not by documents; a
document that is longer than a batch is split at points that do not change its ids, see `split_long_text`. Each engine
uses one thread, because parts are encoded in parallel. Both engines read their environment variables once, when they
are imported; values that are already set are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import EncodingError, OptionError
from tokenization.model.engine_differences import MOST, engine_differences
from tokenization.model.split_long_text import can_split, split_text
from tokenization.model.tokenizer import Tokenizer
from tokenization.model.utf8 import to_utf8

BATCH_CHARS = 4_000_000  # texts, ids and offsets of a batch take less than about 50 MB
CHECKED_FIRST = 4  # documents at the beginning of a part that both engines encode
CHECKED_ONE_IN = 1000  # one of so many other documents is checked
CHECKED_CHARS = (
    10_000  # of each checked document; whole books would take the reference longer than the rest of the part
)

_ONE_THREAD = {"RAYON_NUM_THREADS": "1", "FASTOKENS_BPE_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True, eq=False)
class EncodedBatch:
    """Consecutive documents with their ids.

    `texts`: the documents. `ids`: their ids, concatenated, little-endian 16 or 32 bits. `tokens`: number of ids of
    each document.
    """

    texts: Sequence[str]
    ids: NDArray[np.uint16] | NDArray[np.uint32]
    tokens: NDArray[np.int64]

    @cached_property
    def bytes(self) -> NDArray[np.int64]:
        """UTF-8 bytes of each document."""
        return np.array([len(text) if text.isascii() else len(text.encode()) for text in self.texts], np.int64)

    @cached_property
    def chars(self) -> NDArray[np.int64]:
        """Characters of each document."""
        return np.array([len(text) for text in self.texts], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPart:
    """An encoded part of a dataset.

    `engine`: "fastokens" or "tokenizers". `checked`: number of documents that both engines encoded. `disagreed`:
    number of those with different ids. `by_reference`: number of documents that `tokenizers` encodes. `batches`: an
    iterator over the documents, which can be consumed once; it raises EncodingError for a text with lone surrogates.
    """

    engine: str
    checked: int
    disagreed: int
    by_reference: int
    batches: Iterator[EncodedBatch]


def id_dtype(vocab_size: int) -> np.dtype[Any]:
    """Return the dtype of stored ids: 16 bits for up to 65,536 ids, otherwise 32 bits, little-endian."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


class Encoder:
    """A tokenizer with its engines, ready to encode parts.

    `tokenizer`: the tokenizer. `dtype`: dtype of the ids. `refused`: the reason why fastokens is not used, or None.
    `batch_chars` (characters, at least 1): the size of a batch. Raises OptionError if it is out of range.
    """

    def __init__(self, tokenizer: Tokenizer, *, batch_chars: int = BATCH_CHARS) -> None:
        if batch_chars < 1:
            raise OptionError(f"batch_chars = {batch_chars}: choose 1 or more")
        for name, value in _ONE_THREAD.items():
            os.environ.setdefault(name, value)
        self.tokenizer = tokenizer
        self.dtype = id_dtype(tokenizer.vocab_size)
        self._fast, self.refused = _fastokens(tokenizer)
        self._differs: Callable[[str], bool] = lambda text: False
        if self._fast is not None:
            self._avoid_differences(engine_differences(tokenizer.config, tokenizer.meta.get("engines")))
        self._batch_chars = batch_chars
        self._can_split = can_split(tokenizer)

    def _avoid_differences(self, differ: str | None) -> None:
        if differ is None:
            self._fast = None
            self.refused = f"fastokens splits more than {MOST} code points in another way than tokenizers"
        elif differ:
            self._differs = _has_any(differ)

    def encode_part(self, texts: Sequence[str], name: str, *, begin: int = 0, reference: bool = False) -> EncodedPart:
        """Encode the documents of a part.

        `name` is the name of the part; it determines which documents are checked. `begin` is the number of the first
        document within the part, for parts that are encoded in several calls. With `reference`, `tokenizers` is used
        without a check: the caller encodes a part again from its first document if the engines differ in a later call.
        """
        checked = disagreed = 0
        if self._fast is not None:
            for number in _chosen(name, begin, begin + len(texts)):
                text = texts[number - begin][:CHECKED_CHARS]
                to_utf8(text, f"document {number} of part {name}")
                checked += 1
                disagreed += self.tokenizer.encode(text) != self._by_either([text])[0].tolist()
        fast = self._fast is not None and not disagreed and not reference
        by_reference = sum(map(self._differs, texts)) if fast else len(texts)
        batches = self._batches(texts, name, begin, fast)
        return EncodedPart("fastokens" if fast else "tokenizers", checked, disagreed, by_reference, batches)

    def _batches(self, texts: Sequence[str], name: str, first: int, fast: bool) -> Iterator[EncodedBatch]:
        begin = 0
        while begin < len(texts):
            end, chars = begin, 0
            while end < len(texts) and (end == begin or chars + len(texts[end]) <= self._batch_chars):
                chars += len(texts[end])
                end += 1
            batch = texts[begin:end]
            try:
                if fast and chars > self._batch_chars and self._can_split:  # a single long document
                    ids, tokens = self._in_pieces(batch[0])
                else:
                    ids, tokens = self._by_either(batch) if fast else self._by_reference(batch)
            except (UnicodeEncodeError, EncodingError):  # find the text
                for number, text in enumerate(batch, first + begin):
                    to_utf8(text, f"document {number} of part {name}")
                raise
            yield EncodedBatch(batch, narrow_ids(ids, self.tokenizer.vocab_size), tokens)
            begin = end

    def _by_either(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """By fastokens, or by `tokenizers` where the engines can differ."""
        runs = [(differs, list(run)) for differs, run in groupby(texts, self._differs)]
        encoded = [self._by_reference(run) if differs else self._by_fast_engine(run) for differs, run in runs]
        if len(encoded) == 1:
            return encoded[0]
        ids, tokens = zip(*encoded, strict=True)
        return np.concatenate(ids), np.concatenate(tokens)

    def _by_fast_engine(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """By fastokens, or by `tokenizers` where the regex engine of fastokens gives up."""
        try:
            return self._by_fastokens(texts)
        except UnicodeEncodeError:
            raise
        except ValueError:
            return self._by_reference(texts)

    def _by_fastokens(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        ids, offsets = self._fast.encode_batch_flat(list(texts), False, True)
        return np.frombuffer(ids, "<u4"), np.diff(np.frombuffer(offsets, "<u8")).astype(np.int64)

    def _in_pieces(self, text: str) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        encoded = [self._by_either([piece])[0] for piece in split_text(text, self._batch_chars)]
        return np.concatenate(encoded), np.array([sum(map(len, encoded))], np.int64)

    def _by_reference(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        encoded = [self.tokenizer.encode(text) for text in texts]
        flat = np.fromiter((token for ids in encoded for token in ids), np.uint32)
        return flat, np.array([len(ids) for ids in encoded], np.int64)


def _has_any(points: str) -> Callable[[str], bool]:
    """Return a function: whether a text has one of some code points."""
    if len(points) <= 8:  # 20 times as fast as a regular expression
        return lambda text: any(point in text for point in points)
    search = re.compile(f"[{re.escape(points)}]").search
    return lambda text: search(text) is not None


def _fastokens(tokenizer: Tokenizer) -> tuple[Any, str | None]:
    """Return the fast engine for this tokenizer, or None and the reason why it cannot be used."""
    import fastokens

    if tokenizer.spelling.kind != "byte-level":
        return None, "the engines are compared code point by code point for byte-level BPE only"
    source = tokenizer.json.decode()
    if any(tokenizer.config.get(key) for key in ("truncation", "padding")):
        source = json.dumps({**json.loads(source), "truncation": None, "padding": None})
    try:
        return fastokens.Tokenizer.from_json_str(source), None
    except ValueError as error:
        return None, str(error)


def narrow_ids(ids: NDArray[np.uint32], vocab_size: int) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """Return ids in their stored dtype. Raises EncodingError for an id outside the vocabulary."""
    if len(ids) and int(ids.max()) >= vocab_size:
        raise EncodingError(
            f"id {int(ids.max())} is outside a vocabulary of {vocab_size}: the tokenizer is damaged; make it again"
        )
    return ids.astype(id_dtype(vocab_size))


def _chosen(name: str, begin: int, end: int) -> list[int]:
    """Return the numbers of the checked documents in [begin, end): the first of the part, and one of each thousand."""
    drawn = []
    for thousand in range(begin // CHECKED_ONE_IN * CHECKED_ONE_IN, end, CHECKED_ONE_IN):
        digest = hashlib.blake2b(f"{name}:{thousand}".encode(), digest_size=8).digest()
        drawn.append(thousand + int.from_bytes(digest, "big") % CHECKED_ONE_IN)
    return [
        *range(begin, min(CHECKED_FIRST, end)),
        *(number for number in drawn if max(CHECKED_FIRST, begin) <= number < end),
    ]
