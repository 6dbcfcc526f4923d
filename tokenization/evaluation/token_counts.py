r"""Counts of a tokenizer's output: whole numbers for each document, from which every figure is computed.

Counts add up over documents, so that the figures of a language are those of its sources together. They are kept by
document, so that intervals can be computed by resampling documents. Two kinds of words are counted and must not be
confused:

- *words* between white space: the denominator of tokens per word;
- *letter runs* `[\p{L}\p{M}]+`: the units that are split or whole. A comma next to a word does not split it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tokenization.model import LETTER, MARK, SPACE, EncodedBatch, Encoder, Tokenizer, character_classes

UNITS = ("documents", "bytes", "chars", "words", "runs", "runs_split", "tokens", "fragments", "changed")
"""The counts of each document.

`runs` and `runs_split`: letter runs, and those with a token end inside. `fragments`: tokens that are not whole
characters. `changed`: 1 for a document that is not decoded to itself; its runs are not counted.
"""


@dataclass(slots=True, eq=False)
class TokenCounter:
    """The counts of one tokenizer over some documents. Counters of the same tokenizer can be added.

    `vocabulary`: number of ids that represent text. `uses`: int64 [ids], occurrences of each id. `rows`: int64
    [documents, UNITS]; `counter["tokens"]` is the sum of a column. `types`: for each different letter run, whether it
    is one token after a space.
    """

    vocabulary: int
    uses: NDArray[np.int64]
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, len(UNITS)), np.int64))
    types: dict[str, bool] = field(default_factory=dict)

    def __getitem__(self, unit: str) -> int:
        return int(self.rows[:, UNITS.index(unit)].sum())

    def __add__(self, other: TokenCounter) -> TokenCounter:
        rows = np.concatenate([self.rows, other.rows])
        return TokenCounter(self.vocabulary, self.uses + other.uses, rows, self.types | other.types)


def measure(encoder: Encoder, texts: Sequence[str]) -> TokenCounter:
    """Encode texts and count. Raises EncodingError for a text with lone surrogates."""
    tokenizer = encoder.tokenizer
    broken = np.array([not is_whole_characters(piece) for piece in tokenizer.pieces])
    counter = TokenCounter(int(np.count_nonzero(tokenizer.token_bytes)), np.zeros(tokenizer.vocab_size, np.int64))
    run_types: set[str] = set()
    blocks, done = [counter.rows], 0
    for batch in encoder.encode_part(texts, "").batches:
        documents = texts[done : done + len(batch.tokens)]
        done += len(batch.tokens)
        counter.uses += np.bincount(batch.ids, minlength=tokenizer.vocab_size)
        words, runs, split, changed = _count_words(run_types, tokenizer, documents, batch)
        columns = {
            "documents": np.ones(len(documents), np.int64),
            "bytes": batch.bytes,
            "chars": batch.chars,
            "words": words,
            "runs": runs,
            "runs_split": split,
            "tokens": batch.tokens,
            "fragments": _by_document(np.flatnonzero(broken[batch.ids]), batch.tokens),
            "changed": changed,
        }
        blocks.append(np.stack([columns[unit] for unit in UNITS], axis=1))
    counter.rows = np.concatenate(blocks)
    types = sorted(run_types)
    space = "" if tokenizer.spelling.lead else " "
    for batch in encoder.encode_part([space + run for run in types], "").batches:
        counter.types.update(zip(types[len(counter.types) :], (batch.tokens == 1).tolist(), strict=False))
    return counter


def _by_document(places: NDArray[np.intp], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many of the sorted positions are in each document; `sizes` are the lengths of the documents."""
    return np.diff(np.searchsorted(places, np.concatenate([[0], np.cumsum(sizes)]))).astype(np.int64)


def _count_words(
    run_types: set[str], tokenizer: Tokenizer, texts: Sequence[str], batch: EncodedBatch
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each document, words, letter runs, split letter runs, and whether it was changed.

    The letter runs are added to `run_types`.
    """
    text = "".join(texts)
    points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    kinds = character_classes()[points]
    first = np.zeros(len(points) + 1, np.bool_)  # whether a character begins a document
    first[np.cumsum(batch.chars) - batch.chars] = True
    begins, _ = _runs((kinds & SPACE) == 0, first)
    words = _by_document(begins, batch.chars)

    lossless = _lossless(tokenizer, text, batch)
    if not lossless.all():
        kinds = np.where(np.repeat(lossless, batch.chars), kinds, 0)
    begins, ends = _runs((kinds & (LETTER | MARK)) != 0, first)
    byte_of_char = np.concatenate([[0], np.cumsum(1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000))])
    ends_before = np.zeros(byte_of_char[-1] + 1, np.int64)
    ends_before[_token_ends(tokenizer, lossless, batch)] = 1
    ends_before = np.cumsum(ends_before)  # number of token ends up to each byte
    split = begins[ends_before[byte_of_char[ends] - 1] > ends_before[byte_of_char[begins]]]
    run_types.update([text[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)])
    runs, runs_split = _by_document(begins, batch.chars), _by_document(split, batch.chars)
    return words, runs, runs_split, (~lossless).astype(np.int64)


def _runs(inside: NDArray[np.bool_], first: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the begins and ends of runs of characters. No run extends over the beginning of a document."""
    before = np.concatenate([[False], inside[:-1]]) & ~first[:-1]
    after = np.concatenate([inside[1:], [False]]) & ~first[1:]
    return np.flatnonzero(inside & ~before), np.flatnonzero(inside & ~after) + 1


def _lossless(tokenizer: Tokenizer, text: str, batch: EncodedBatch) -> NDArray[np.bool_]:
    """Return whether the ids of each document decode to it, byte for byte."""
    decoded = b"".join([tokenizer.pieces[token] for token in batch.ids.tolist()])
    whole = text.encode()
    sizes = _bytes_of_documents(tokenizer, batch)
    if decoded == whole and (sizes == batch.bytes).all():
        return np.ones(len(batch.tokens), np.bool_)
    theirs, ours = np.cumsum(sizes) - sizes, np.cumsum(batch.bytes) - batch.bytes
    lead = tokenizer.spelling.lead
    return np.array(
        [
            decoded[a : a + m].removeprefix(lead) == whole[b : b + n]
            for a, m, b, n in zip(theirs.tolist(), sizes.tolist(), ours.tolist(), batch.bytes.tolist(), strict=True)
        ],
        np.bool_,
    )


def _bytes_of_documents(tokenizer: Tokenizer, batch: EncodedBatch) -> NDArray[np.int64]:
    ends = np.concatenate([[0], np.cumsum(tokenizer.token_bytes[batch.ids], dtype=np.int64)])
    last = np.cumsum(batch.tokens)
    return np.asarray(ends[last] - ends[last - batch.tokens])


def _token_ends(tokenizer: Tokenizer, lossless: NDArray[np.bool_], batch: EncodedBatch) -> NDArray[np.int64]:
    """Return the byte positions in the concatenated text where tokens of lossless documents end."""
    kept = np.repeat(lossless, batch.tokens)
    inner = np.cumsum(np.where(kept, tokenizer.token_bytes[batch.ids], 0))
    leads = np.cumsum(np.where(lossless & (batch.tokens > 0), len(tokenizer.spelling.lead), 0))
    left_out = np.cumsum(np.where(lossless, 0, batch.bytes))
    return np.asarray((inner + np.repeat(left_out - leads, batch.tokens))[kept])


def is_whole_characters(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True
