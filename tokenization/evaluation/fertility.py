"""How well a tokenizer fits a text: the figures of the literature, each with its formula and source.

All are made from a `Tally`; what a vocabulary is without any text is in `inventory`. Figures of one tally are `RATIOS`
(sums over documents, with bootstrap intervals) and those that need the whole (`FIGURES` has both). Two tokenizers on
the same documents are compared by `against`, the languages of one tokenizer by `premium` and `gini`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import EmptyCorpus, OptionError
from tokenization.evaluation.token_counts import UNITS, Tally, measure, whole_characters
from tokenization.model.encode import Encoder
from tokenization.model.tokenizer import Tokenizer

ALPHA = 2.5  # Zouhar et al. 2023: the order of entropy that goes best with translation quality
RARE = 10  # occurrences
RESAMPLES, BAGS, LEVEL = 1000, 1000, 0.95


def tokens_per_word(tally: Tally) -> float:
    """Fertility: tokens / words between white space (Rust et al. 2021, *How good is your tokenizer?*)."""
    return tally["tokens"] / tally["words"]


def chars_per_token(tally: Tally) -> float:
    """Characters / tokens."""
    return tally["chars"] / tally["tokens"]


def bytes_per_token(tally: Tally) -> float:
    """UTF-8 bytes / tokens: the compression ratio of nanochat's `tok_eval`."""
    return tally["bytes"] / tally["tokens"]


def words_split(tally: Tally) -> float:
    """Proportion of continued words: letter runs that take more than one token / letter runs (Rust et al. 2021)."""
    return tally["runs_split"] / tally["runs"] if tally["runs"] else 0.0


def types_whole(tally: Tally) -> float:
    """Single-token retention rate: different letter runs that are one token / different letter runs (2510.09947)."""
    return sum(tally.types.values()) / len(tally.types) if tally.types else 0.0


def renyi_efficiency(tally: Tally, alpha: float = ALPHA) -> float:
    """H_a(p) / log |V| with H_a(p) = log(sum p^a) / (1 - a), p the frequencies of tokens (Zouhar et al. 2023)."""
    shares = tally.uses[tally.uses > 0] / tally["tokens"]
    return math.log(float((shares**alpha).sum())) / (1 - alpha) / math.log(tally.vocabulary)


def vocabulary_used(tally: Tally) -> float:
    """Different tokens that occur / tokens of the vocabulary that stand for text."""
    return int(np.count_nonzero(tally.uses)) / tally.vocabulary


def under_trained(tally: Tally) -> float:
    """Tokens for text that occur fewer than 10 times, never included / all of them: candidates only.

    Land & Bartolo 2024 find under-trained tokens by a model's embeddings; without a model, being rare in text like
    that it will learn from is what there is to go by. It depends on how much text there is.
    """
    standing = tally.vocabulary
    return (standing - int(np.count_nonzero(tally.uses >= RARE))) / standing


def byte_fragments(tally: Tally) -> float:
    """Tokens that are no whole characters / tokens."""
    return tally["fragments"] / tally["tokens"]


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


RATIOS = {
    "tokens_per_word": ("tokens", "words"),
    "chars_per_token": ("chars", "tokens"),
    "bytes_per_token": ("bytes", "tokens"),
    "words_split": ("runs_split", "runs"),
    "byte_fragments": ("fragments", "tokens"),
}
"""Figures that are a sum over documents divided by another."""

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
        under_trained,
        byte_fragments,
    )
}


def figures(tally: Tally) -> dict[str, int | float]:
    """All figures of one tally, and the counts behind them. Raises EmptyCorpus without a word."""
    if not tally["words"]:
        raise EmptyCorpus("there is no word to measure a tokenizer by: check what the documents hold")
    counts = {name: tally[name] for name in ("documents", "bytes", "chars", "words", "runs", "tokens", "changed")}
    return counts | {name: figure(tally) for name, figure in FIGURES.items()}


def intervals(tally: Tally) -> dict[str, tuple[float, float]]:
    """95 % bootstrap intervals of the RATIOS: what drawing other documents of the same kind would give.

    Documents are drawn again with replacement, 1,000 times, always by the same random numbers; the interval is that
    of the percentiles (Efron 1979). More than 1,000 documents are drawn in as many bags. Empty for one document: that
    says nothing about others.
    """
    sums = _resampled([tally.rows])
    if sums is None:
        return {}
    return {
        name: _between(sums[:, UNITS.index(a)], sums[:, UNITS.index(b)]) for name, (a, b) in RATIOS.items() if tally[b]
    }


def against(tally: Tally, reference: Tally) -> dict[str, Any]:
    """Tokens of this tokenizer and of a reference on the same documents.

    nsl: tokens / the reference's tokens, normalised sequence length (Dagan et al. 2024; toklens); below 1, shorter.
    relative_difference: (reference's tokens - tokens) / reference's tokens, as nanochat's `tok_eval` prints it;
    above 0, better. `nsl_interval`: a paired bootstrap, the same documents drawn for both; None for one document.
    """
    if not np.array_equal(tally.rows[:, 1:4], reference.rows[:, 1:4]):
        raise OptionError("tokenizers are compared on the same documents, and these are others")
    nsl = tally["tokens"] / reference["tokens"]
    sums = _resampled([tally.rows, reference.rows])
    at = UNITS.index("tokens")
    interval = None if sums is None else _between(sums[:, at], sums[:, len(UNITS) + at])
    return {"nsl": nsl, "relative_difference": 1 - nsl, "nsl_interval": interval}


def _resampled(tables: Sequence[NDArray[np.int64]]) -> NDArray[np.float64] | None:
    """Sums of the columns of all tables, one line for each time that documents were drawn again."""
    rows = np.concatenate(tables, axis=1)
    if len(rows) < 2:
        return None
    bags = np.zeros((min(len(rows), BAGS), rows.shape[1]), np.int64)
    np.add.at(bags, np.arange(len(rows)) % len(bags), rows)
    drawn = np.random.default_rng(0).multinomial(len(bags), np.full(len(bags), 1 / len(bags)), RESAMPLES)
    return np.asarray(drawn.astype(np.float64) @ bags)


def _between(above: NDArray[np.float64], below: NDArray[np.float64]) -> tuple[float, float]:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = above / below
    low, high = np.nanquantile(ratio, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


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
        if not tally["words"]:
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
        if whole_characters(held):
            pieces.append((held.decode(), ids))
            held, ids = b"", []
    return pieces
