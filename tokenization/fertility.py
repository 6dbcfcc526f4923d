"""How well a tokenizer fits a text: the figures of the literature, each with its formula and source.

Every figure comes from a `Tally`: whole numbers that add up over documents, so that the figures of a language are
those of its sources taken together. Two kinds of words are meant, and must not be mixed up:

- *words* between white space: what tokens per word is counted by, here as elsewhere;
- *letter runs* `[\\p{L}\\p{M}]+`: what is asked whether it is split. A comma that touches a word doesn't split it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.classes import LETTER, MARK, SPACE, classes
from tokenization.encode import Batch, Encoder
from tokenization.errors import EmptyCorpus, OptionError
from tokenization.tokenizer import Tokenizer

ALPHA = 2.5  # Zouhar et al. 2023: the order of entropy that goes best with translation quality


@dataclass(slots=True, eq=False)
class Tally:
    """What was counted over some documents with one tokenizer. Tallies of one tokenizer add up.

    `uses` counts the occurrences of each id. `runs` and `runs_split` are letter runs and those cut by a token's end;
    `types` says of each different letter run whether it is one token, after a space. `fragments` are tokens that are
    no whole characters. `changed` counts documents that decode to something else; their runs aren't counted.
    `vocabulary` is the number of ids that stand for text.
    """

    vocabulary: int
    uses: NDArray[np.int64]
    documents: int = 0
    bytes: int = 0
    chars: int = 0
    words: int = 0
    runs: int = 0
    runs_split: int = 0
    fragments: int = 0
    changed: int = 0
    types: dict[str, bool] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Tokens in all."""
        return int(self.uses.sum())

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.vocabulary,
            self.uses + other.uses,
            self.documents + other.documents,
            self.bytes + other.bytes,
            self.chars + other.chars,
            self.words + other.words,
            self.runs + other.runs,
            self.runs_split + other.runs_split,
            self.fragments + other.fragments,
            self.changed + other.changed,
            self.types | other.types,
        )


# -- counting ---------------------------------------------------------------------------------------------


def measure(encoder: Encoder, texts: Sequence[str]) -> Tally:
    """Encode texts and count. Raises EncodingError for a text with lone surrogates."""
    tokenizer = encoder.tokenizer
    broken = np.array([not _whole_characters(piece) for piece in tokenizer.pieces])
    tally = Tally(int(np.count_nonzero(tokenizer.token_bytes)), np.zeros(tokenizer.vocab_size, np.int64))
    found: set[str] = set()
    done = 0
    for batch in encoder.encode_part(texts, "").batches:
        documents = texts[done : done + len(batch.tokens)]
        done += len(batch.tokens)
        uses = np.bincount(batch.ids, minlength=tokenizer.vocab_size)
        tally.uses += uses
        tally.fragments += int(uses[broken].sum())
        tally.documents += len(documents)
        tally.bytes += int(batch.bytes.sum())
        tally.chars += int(batch.chars.sum())
        _count_words(tally, found, tokenizer, documents, batch)
    types = sorted(found)
    for batch in encoder.encode_part([f" {run}" for run in types], "").batches:
        tally.types.update(zip(types[len(tally.types) :], (batch.tokens == 1).tolist(), strict=False))
    return tally


def _count_words(tally: Tally, found: set[str], tokenizer: Tokenizer, texts: Sequence[str], batch: Batch) -> None:
    text = "".join(texts)
    points = np.frombuffer(text.encode("utf-32-le"), "<u4")
    kinds = classes()[points]
    first = np.zeros(len(points) + 1, np.bool_)  # characters that begin a document
    first[np.cumsum(batch.chars) - batch.chars] = True
    begins, _ = _runs((kinds & SPACE) == 0, first)
    tally.words += len(begins)

    lossless = _lossless(tokenizer, text, batch)
    if not lossless.all():
        tally.changed += int(np.count_nonzero(~lossless))
        kinds = np.where(np.repeat(lossless, batch.chars), kinds, 0)
    begins, ends = _runs((kinds & (LETTER | MARK)) != 0, first)
    tally.runs += len(begins)
    at = np.concatenate([[0], np.cumsum(1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000))])
    cuts = np.zeros(at[-1] + 1, np.int64)
    cuts[_token_ends(tokenizer, lossless, batch)] = 1
    cuts = np.cumsum(cuts)  # ends of tokens up to each byte
    tally.runs_split += int(np.count_nonzero(cuts[at[ends] - 1] > cuts[at[begins]]))
    found.update([text[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)])


def _runs(inside: NDArray[np.bool_], first: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where runs of characters begin and end; none goes on from one document into the next."""
    before = np.concatenate([[False], inside[:-1]]) & ~first[:-1]
    after = np.concatenate([inside[1:], [False]]) & ~first[1:]
    return np.flatnonzero(inside & ~before), np.flatnonzero(inside & ~after) + 1


def _lossless(tokenizer: Tokenizer, text: str, batch: Batch) -> NDArray[np.bool_]:
    """Which documents their ids decode to, byte for byte."""
    decoded = b"".join([tokenizer.pieces[at] for at in batch.ids.tolist()])
    whole = text.encode()
    if decoded == whole and (_bytes_of_documents(tokenizer, batch) == batch.bytes).all():
        return np.ones(len(batch.tokens), np.bool_)
    sizes = _bytes_of_documents(tokenizer, batch)
    theirs, ours = np.cumsum(sizes) - sizes, np.cumsum(batch.bytes) - batch.bytes
    return np.array(
        [
            decoded[a : a + m] == whole[b : b + n]
            for a, m, b, n in zip(theirs.tolist(), sizes.tolist(), ours.tolist(), batch.bytes.tolist(), strict=True)
        ],
        np.bool_,
    )


def _bytes_of_documents(tokenizer: Tokenizer, batch: Batch) -> NDArray[np.int64]:
    ends = np.concatenate([[0], np.cumsum(tokenizer.token_bytes[batch.ids], dtype=np.int64)])
    last = np.cumsum(batch.tokens)
    return np.asarray(ends[last] - ends[last - batch.tokens])


def _token_ends(tokenizer: Tokenizer, lossless: NDArray[np.bool_], batch: Batch) -> NDArray[np.int64]:
    """Byte positions, in the joined text, where tokens of lossless documents end."""
    kept = np.repeat(lossless, batch.tokens)
    inner = np.cumsum(np.where(kept, tokenizer.token_bytes[batch.ids], 0))
    left_out = np.cumsum(np.where(lossless, 0, batch.bytes))
    return np.asarray((inner + np.repeat(left_out, batch.tokens))[kept])


def _whole_characters(piece: bytes) -> bool:
    try:
        piece.decode()
    except UnicodeDecodeError:
        return False
    return True


# -- figures ----------------------------------------------------------------------------------------------


def tokens_per_word(tally: Tally) -> float:
    """Fertility: tokens / words between white space (Rust et al. 2021, *How good is your tokenizer?*)."""
    return tally.tokens / tally.words


def chars_per_token(tally: Tally) -> float:
    """Characters / tokens."""
    return tally.chars / tally.tokens


def bytes_per_token(tally: Tally) -> float:
    """UTF-8 bytes / tokens: the compression ratio of nanochat's `tok_eval`."""
    return tally.bytes / tally.tokens


def words_split(tally: Tally) -> float:
    """Proportion of continued words: letter runs that take more than one token / letter runs (Rust et al. 2021)."""
    return tally.runs_split / tally.runs if tally.runs else 0.0


def types_whole(tally: Tally) -> float:
    """Single-token retention rate: different letter runs that are one token / different letter runs (2510.09947)."""
    return sum(tally.types.values()) / len(tally.types) if tally.types else 0.0


def renyi_efficiency(tally: Tally, alpha: float = ALPHA) -> float:
    """H_a(p) / log |V| with H_a(p) = log(sum p^a) / (1 - a), p the frequencies of tokens (Zouhar et al. 2023)."""
    shares = tally.uses[tally.uses > 0] / tally.tokens
    return math.log(float((shares**alpha).sum())) / (1 - alpha) / math.log(tally.vocabulary)


def vocabulary_used(tally: Tally) -> float:
    """Different tokens that occur / tokens of the vocabulary that stand for text."""
    return int(np.count_nonzero(tally.uses)) / tally.vocabulary


def byte_fragments(tally: Tally) -> float:
    """Tokens that are no whole characters / tokens."""
    return tally.fragments / tally.tokens


def premium(tally: Tally, reference: Tally) -> float:
    """Tokens per character / tokens per character of a reference text: above 1, this text pays more.

    Petrov et al. 2023 compare parallel texts, whose ratio of tokens this is; over other texts it is the ratio of
    characters per token (as SARF's tables have it), and says less.
    """
    return chars_per_token(reference) / chars_per_token(tally)


def gini(tallies: Sequence[Tally]) -> float:
    """Inequality of costs c = tokens per character: sum |ci - cj| / (2 n^2 mean c); 0 = equal (TokEval, Apertus)."""
    costs = np.array([1 / chars_per_token(tally) for tally in tallies])
    return float(np.abs(costs[:, None] - costs[None, :]).sum() / (2 * len(costs) ** 2 * costs.mean()))


FIGURES = {
    figure.__name__: figure
    for figure in (
        tokens_per_word,
        chars_per_token,
        bytes_per_token,
        words_split,
        types_whole,
        renyi_efficiency,
        vocabulary_used,
        byte_fragments,
    )
}


def figures(tally: Tally) -> dict[str, int | float]:
    """All figures of one tally, and the counts behind them. Raises EmptyCorpus without a word."""
    if not tally.words:
        raise EmptyCorpus("there is no word to measure a tokenizer by: check what the documents hold")
    counts = {
        name: getattr(tally, name) for name in ("documents", "bytes", "chars", "words", "runs", "tokens", "changed")
    }
    return counts | {name: figure(tally) for name, figure in FIGURES.items()}


def report(
    tokenizer: Tokenizer, groups: Mapping[str, Sequence[str]], *, reference: str | None = None
) -> dict[str, Any]:
    """Figures of each group of texts (a language, a source, ...) and of all together, as JSON has it.

    `reference` names the group that the others' premiums are measured by; None for the cheapest one. Raises
    EmptyCorpus for a group without words, OptionError for a reference that is none of the groups.
    """
    encoder = Encoder(tokenizer)
    return compared({name: measure(encoder, texts) for name, texts in groups.items()}, reference=reference)


def compared(tallies: Mapping[str, Tally], *, reference: str | None = None) -> dict[str, Any]:
    """The report of tallies that were counted before, see `report`."""
    if not tallies:
        raise EmptyCorpus("there is no group of texts to measure a tokenizer by: name some documents")
    for name, tally in tallies.items():
        if not tally.words:
            raise EmptyCorpus(f"group {name!r} has no word to measure a tokenizer by: leave it out")
    if reference is None:
        reference = max(sorted(tallies), key=lambda name: chars_per_token(tallies[name]))
    if reference not in tallies:
        raise OptionError(f"reference {reference!r} is none of the groups {', '.join(sorted(tallies))}")
    first, *others = tallies.values()
    return {
        "all": figures(sum(others, first)),
        "groups": {
            name: figures(tally) | {"premium": premium(tally, tallies[reference])} for name, tally in tallies.items()
        },
        "reference": reference,
        "gini": gini(list(tallies.values())),
    }


def view(tokenizer: Tokenizer, text: str) -> list[tuple[str, list[int]]]:
    """A text cut where its tokens end, for looking at: pieces that join to the text, each with its ids.

    A piece has several ids where tokens end within a character. Raises EncodingError for lone surrogates.
    """
    pieces: list[tuple[str, list[int]]] = []
    held, ids = b"", []
    for at in tokenizer.encode(text):
        held += tokenizer.pieces[at]
        ids.append(at)
        if _whole_characters(held):
            pieces.append((held.decode(), ids))
            held, ids = b"", []
    return pieces
