"""Texts to ids, a lot of them: one engine that is fast, checked against one that is right.

`fastokens` encodes 30 times as fast as `tokenizers`, and is young. So in every part the first documents and a keyed
0.1 % of the others are encoded by both beforehand, and if one id differs, the whole part is done by `tokenizers`,
and says so. A tokenizer that fastokens doesn't take is done by `tokenizers` altogether.

Special tokens' names inside a text are text. Batches are bounded by characters, not by documents: books come whole, or
in `pieces` if they are longer than that.
Each engine is kept to one thread, since parts are what is encoded in parallel. Both read their environment once,
when they are loaded; whoever has set these variables before keeps them.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import EncodingError, OptionError
from tokenization.model.split_long_text import can_split, split_text
from tokenization.model.tokenizer import Tokenizer
from tokenization.model.utf8 import to_utf8

BATCH_CHARS = 4_000_000  # texts, ids and offsets of a batch together stay under some 50 MB
CHECKED_FIRST = 4  # documents at the head of a part that both engines encode
CHECKED_ONE_IN = 1000  # of the others
CHECKED_CHARS = 10_000  # of each: over whole books the reference would take longer than all the rest of the part

_ONE_THREAD = {"RAYON_NUM_THREADS": "1", "FASTOKENS_BPE_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True, eq=False)
class EncodedBatch:
    """Consecutive documents: their ids one after the other, and how many each has."""

    texts: Sequence[str]
    ids: NDArray[np.uint16] | NDArray[np.uint32]
    tokens: NDArray[np.int64]

    @cached_property
    def bytes(self) -> NDArray[np.int64]:
        """Of each document, in UTF-8."""
        return np.array([len(text) if text.isascii() else len(text.encode()) for text in self.texts], np.int64)

    @cached_property
    def chars(self) -> NDArray[np.int64]:
        """Of each document."""
        return np.array([len(text) for text in self.texts], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPart:
    """A part on its way: which engine does it, how many documents both engines encoded, how many they disagreed on.

    `batches` yields its documents in order, once; it raises EncodingError for a text with lone surrogates.
    """

    engine: str
    checked: int
    disagreed: int
    batches: Iterator[EncodedBatch]


def id_dtype(vocab_size: int) -> np.dtype[Any]:
    """How ids are stored: little-endian 16 bits while they fit, else 32."""
    return np.dtype("<u2" if vocab_size <= 1 << 16 else "<u4")


class Encoder:
    """A tokenizer made ready to encode parts. `dtype` is that of its ids; `refused` says why fastokens isn't used."""

    def __init__(self, tokenizer: Tokenizer, *, batch_chars: int = BATCH_CHARS) -> None:
        if batch_chars < 1:
            raise OptionError(f"batch_chars = {batch_chars}: a batch holds at least 1 character")
        for name, value in _ONE_THREAD.items():
            os.environ.setdefault(name, value)
        self.tokenizer = tokenizer
        self.dtype = id_dtype(tokenizer.vocab_size)
        self._fast, self.refused = _fastokens(tokenizer)
        self._batch_chars = batch_chars
        self._can_split = can_split(tokenizer)

    def encode_part(self, texts: Sequence[str], name: str, *, begin: int = 0, reference: bool = False) -> EncodedPart:
        """Encode the documents of a part, or those from number `begin` on: a part may come in pieces, and is done by
        `tokenizers` from its first piece on (`reference`) once engines disagree on a later one. `name`, the part's,
        chooses which documents both engines encode."""
        checked = disagreed = 0
        if self._fast is not None:
            for number in _chosen(name, begin, begin + len(texts)):
                text = texts[number - begin][:CHECKED_CHARS]
                to_utf8(text, f"document {number} of part {name}")
                checked += 1
                disagreed += self.tokenizer.encode(text) != self._by_fastokens([text])[0].tolist()
        fast = self._fast is not None and not disagreed and not reference
        batches = self._batches(texts, name, begin, fast)
        return EncodedPart("fastokens" if fast else "tokenizers", checked, disagreed, batches)

    def _batches(self, texts: Sequence[str], name: str, first: int, fast: bool) -> Iterator[EncodedBatch]:
        begin = 0
        while begin < len(texts):
            end, chars = begin, 0
            while end < len(texts) and (end == begin or chars + len(texts[end]) <= self._batch_chars):
                chars += len(texts[end])
                end += 1
            batch = texts[begin:end]
            try:
                if fast and chars > self._batch_chars and self._can_split:  # one long document
                    ids, tokens = self._in_pieces(batch[0])
                else:
                    ids, tokens = self._by_fastokens(batch) if fast else self._by_reference(batch)
            except (UnicodeEncodeError, EncodingError):  # of some text: of which?
                for number, text in enumerate(batch, first + begin):
                    to_utf8(text, f"document {number} of part {name}")
                raise
            yield EncodedBatch(batch, narrow_ids(ids, self.tokenizer.vocab_size), tokens)
            begin = end

    def _by_fastokens(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        ids, offsets = self._fast.encode_batch_flat(list(texts), False, True)
        return np.frombuffer(ids, "<u4"), np.diff(np.frombuffer(offsets, "<u8")).astype(np.int64)

    def _in_pieces(self, text: str) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        encoded = [self._by_fastokens([piece])[0] for piece in split_text(text, self._batch_chars)]
        return np.concatenate(encoded), np.array([sum(map(len, encoded))], np.int64)

    def _by_reference(self, texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
        encoded = [self.tokenizer.encode(text) for text in texts]
        flat = np.fromiter((token for ids in encoded for token in ids), np.uint32)
        return flat, np.array([len(ids) for ids in encoded], np.int64)


def _fastokens(tokenizer: Tokenizer) -> tuple[Any, str | None]:
    """The fast engine with this tokenizer, or None and its reason."""
    import fastokens

    try:
        return fastokens.Tokenizer.from_json_str(tokenizer.json.decode()), None
    except ValueError as error:
        return None, str(error)


def narrow_ids(ids: NDArray[np.uint32], vocab_size: int) -> NDArray[np.uint16] | NDArray[np.uint32]:
    """Ids as they are stored. Raises EncodingError for one outside the vocabulary: numpy would wrap it silently."""
    if len(ids) and int(ids.max()) >= vocab_size:
        raise EncodingError(f"id {int(ids.max())} is outside a vocabulary of {vocab_size}: the tokenizer is damaged")
    return ids.astype(id_dtype(vocab_size))


def _chosen(name: str, begin: int, end: int) -> list[int]:
    """Documents from `begin` to `end` of a part: the first of all, and one of each thousand, by a keyed hash."""
    drawn = []
    for thousand in range(begin // CHECKED_ONE_IN * CHECKED_ONE_IN, end, CHECKED_ONE_IN):
        digest = hashlib.blake2b(f"{name}:{thousand}".encode(), digest_size=8).digest()
        drawn.append(thousand + int.from_bytes(digest, "big") % CHECKED_ONE_IN)
    return [
        *range(begin, min(CHECKED_FIRST, end)),
        *(number for number in drawn if max(CHECKED_FIRST, begin) <= number < end),
    ]
