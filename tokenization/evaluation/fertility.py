"""Figures of a tokenizer on a text, with the formula and the source of each.

All are computed from a `TokenCounter`; figures of a vocabulary without text are in `inventory`. `RATIOS` are quotients
of sums over documents, with bootstrap intervals; `FIGURES` also has those that need all counts. `compare` compares two
tokenizers on the same documents; `premium` and `gini` compare the languages of one tokenizer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tokenization.errors import EmptyCorpus, OptionError
from tokenization.evaluation.token_counts import UNITS, TokenCounter, is_whole_characters, measure
from tokenization.model import Encoder, Tokenizer

ALPHA = 2.5  # Zouhar et al. 2023: the order of entropy that correlates best with translation quality
RARE = 10  # a token with fewer occurrences is rare
RESAMPLES, BAGS, LEVEL = 1000, 1000, 0.95


def tokens_per_word(counter: TokenCounter) -> float:
    """Fertility: tokens / words between white space (Rust et al. 2021, *How good is your tokenizer?*)."""
    return counter["tokens"] / counter["words"]


def chars_per_token(counter: TokenCounter) -> float:
    """Characters / tokens."""
    return counter["chars"] / counter["tokens"]


def bytes_per_token(counter: TokenCounter) -> float:
    """UTF-8 bytes / tokens: the compression ratio of nanochat's `tok_eval`."""
    return counter["bytes"] / counter["tokens"]


def words_split(counter: TokenCounter) -> float:
    """Proportion of continued words: letter runs of more than one token / letter runs (Rust et al. 2021)."""
    return counter["runs_split"] / counter["runs"] if counter["runs"] else 0.0


def types_whole(counter: TokenCounter) -> float:
    """Single-token retention rate: different letter runs that are one token / different letter runs (2510.09947)."""
    return sum(counter.types.values()) / len(counter.types) if counter.types else 0.0


def renyi_efficiency(counter: TokenCounter, alpha: float = ALPHA) -> float:
    """H_a(p) / log |V| with H_a(p) = log(sum p^a) / (1 - a), p the frequencies of tokens (Zouhar et al. 2023)."""
    shares = counter.uses[counter.uses > 0] / counter["tokens"]
    return math.log(float((shares**alpha).sum())) / (1 - alpha) / math.log(counter.vocabulary)


def vocabulary_used(counter: TokenCounter) -> float:
    """Different tokens that occur / tokens of the vocabulary that represent text."""
    return int(np.count_nonzero(counter.uses)) / counter.vocabulary


def under_trained(counter: TokenCounter) -> float:
    """Tokens of text that occur fewer than 10 times, 0 times included / all tokens of text: candidates only.

    Land & Bartolo 2024 find under-trained tokens by a model's embeddings. Without a model, rarity in text similar to
    the training text is the available evidence. The figure depends on the amount of text.
    """
    standing = counter.vocabulary
    return (standing - int(np.count_nonzero(counter.uses >= RARE))) / standing


def byte_fragments(counter: TokenCounter) -> float:
    """Tokens that are not whole characters / tokens."""
    return counter["fragments"] / counter["tokens"]


def premium(counter: TokenCounter, reference: TokenCounter) -> float:
    """Tokens per character / tokens per character of a reference text; above 1, this text is more expensive.

    Petrov et al. 2023 compare parallel texts, for which this is the ratio of tokens. For other texts it is the ratio
    of characters per token (as in SARF's tables) and is less informative.
    """
    return chars_per_token(reference) / chars_per_token(counter)


def gini(counters: Sequence[TokenCounter]) -> float:
    """Inequality of costs c = tokens per character: sum |ci - cj| / (2 n^2 mean c); 0 = equal (TokEval, Apertus)."""
    costs = np.array([1 / chars_per_token(counter) for counter in counters])
    return float(np.abs(costs[:, None] - costs[None, :]).sum() / (2 * len(costs) ** 2 * costs.mean()))


RATIOS = {
    "tokens_per_word": ("tokens", "words"),
    "chars_per_token": ("chars", "tokens"),
    "bytes_per_token": ("bytes", "tokens"),
    "words_split": ("runs_split", "runs"),
    "byte_fragments": ("fragments", "tokens"),
}
"""Figures that are a sum over documents divided by another sum."""

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


def figures(counter: TokenCounter) -> dict[str, int | float]:
    """Return all figures of a counter, and the counts behind them. Raises EmptyCorpus if there is no word."""
    if not counter["words"]:
        raise EmptyCorpus("the texts contain no word, so that a tokenizer cannot be measured: check the documents")
    counts = {name: counter[name] for name in ("documents", "bytes", "chars", "words", "runs", "tokens", "changed")}
    return counts | {name: figure(counter) for name, figure in FIGURES.items()}


def intervals(counter: TokenCounter) -> dict[str, tuple[float, float]]:
    """Return 95 % bootstrap intervals of the RATIOS: their variation over other documents of the same kind.

    Documents are drawn with replacement 1,000 times, always with the same random numbers; the interval is that of the
    percentiles (Efron 1979). More than 1,000 documents are first grouped into 1,000 bags. Empty for a single document,
    which has no measurable variation.
    """
    sums = _resampled([counter.rows])
    if sums is None:
        return {}
    return {
        name: _between(sums[:, UNITS.index(a)], sums[:, UNITS.index(b)])
        for name, (a, b) in RATIOS.items()
        if counter[b]
    }


def compare(counter: TokenCounter, reference: TokenCounter) -> dict[str, Any]:
    """Compare the tokens of a tokenizer with those of a reference tokenizer on the same documents.

    nsl: tokens / tokens of the reference, normalised sequence length (Dagan et al. 2024; toklens); below 1 is shorter.
    relative_difference: (tokens of the reference - tokens) / tokens of the reference, as in nanochat's `tok_eval`;
    above 0 is better. `nsl_interval`: a paired bootstrap, with the same documents drawn for both; None for one
    document.
    """
    if not np.array_equal(counter.rows[:, 1:4], reference.rows[:, 1:4]):
        raise OptionError("tokenizers can only be compared on the same documents: measure both on the same texts")
    nsl = counter["tokens"] / reference["tokens"]
    sums = _resampled([counter.rows, reference.rows])
    column = UNITS.index("tokens")
    interval = None if sums is None else _between(sums[:, column], sums[:, len(UNITS) + column])
    return {"nsl": nsl, "relative_difference": 1 - nsl, "nsl_interval": interval}


def _resampled(tables: Sequence[NDArray[np.int64]]) -> NDArray[np.float64] | None:
    """Return the sums of the columns of all tables, one row for each resampling; None for fewer than two documents."""
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
    """Measure each group of texts (a language, a source, ...) and all groups together; return the figures as JSON.

    `reference`: the group by which premiums are measured; None for the group with the most characters per token.
    Raises EmptyCorpus for a group without words, OptionError if the reference is not a group.
    """
    encoder = Encoder(tokenizer)
    return report_of_counters({name: measure(encoder, texts) for name, texts in groups.items()}, reference=reference)


def report_of_counters(counters: Mapping[str, TokenCounter], *, reference: str | None = None) -> dict[str, Any]:
    """Return the report of counters by group, see `report`."""
    if not counters:
        raise EmptyCorpus("there is no group of texts to measure a tokenizer on: give documents")
    for name, counter in counters.items():
        if not counter["words"]:
            raise EmptyCorpus(
                f"group {name!r} contains no word, so that a tokenizer cannot be measured: remove the group"
            )
    if reference is None:
        reference = max(sorted(counters), key=lambda name: chars_per_token(counters[name]))
    if reference not in counters:
        raise OptionError(
            f"reference {reference!r} is not one of the groups {', '.join(sorted(counters))}: choose one of them"
        )
    first, *others = counters.values()
    return {
        "all": figures(sum(others, first)),
        "groups": {
            name: figures(counter) | {"premium": premium(counter, counters[reference])}
            for name, counter in counters.items()
        },
        "reference": reference,
        "gini": gini(list(counters.values())),
    }


def view_tokens(tokenizer: Tokenizer, text: str) -> list[tuple[str, list[int]]]:
    """Split a text where its tokens end, for display: pieces that concatenate to the text, each with its ids.

    A piece has several ids where tokens end inside a character. Raises EncodingError for lone surrogates.
    """
    pieces: list[tuple[str, list[int]]] = []
    pending, ids = b"", []
    tokens = tokenizer.encode(text)
    for token, piece in zip(tokens, tokenizer.pieces_of(tokens), strict=True):
        pending += piece
        ids.append(token)
        if is_whole_characters(pending):
            pieces.append((pending.decode(), ids))
            pending, ids = b"", []
    return pieces
