"""The comparison as a page: plots, tables of every number, tokenized passages, and definitions of the figures."""

from __future__ import annotations

from pipelines.fertility.comparing import arabic, groups, morphemes, overview
from pipelines.fertility.vocabularies import curve, views, vocabularies
from pipelines.html import (
    Figures,
    Section,
    count,
    decimal,
    join,
    plural,
    render_page,
    section,
    share,
    short,
    tag,
    tiles,
)


def render(figures: Figures) -> str:
    """Return the whole page, from the figures of `gather`."""
    tokenizers = figures["tokenizers"]
    sizes = next(iter(figures["groups"].values()))
    documents, chars = (sum(size[unit] for size in sizes.values()) for unit in ("documents", "chars"))
    sections = [
        overview(figures),
        groups(figures),
        arabic(figures),
        morphemes(figures),
        vocabularies(tokenizers),
        curve(figures),
        views(figures),
        definitions(),
    ]
    return render_page(
        title="Tokenizers, side by side" if len(tokenizers) > 1 else next(iter(tokenizers)),
        kicker="arcorp fertility",
        lead=[
            tag(
                "p",
                f"{plural(len(tokenizers), 'tokenizer')} on {plural(documents, 'document beginning')} with "
                f"{short(chars)} characters in {plural(len(figures['groups']['language']), 'language')}.",
                class_="lede",
            ),
            tiles(_tiles(figures)),
        ],
        sections=[part for part in sections if part is not None],
        foot="Written by arcorp. fertility.json, beside this page, holds the same figures for programs. Everything "
        "but speed is the same on any machine.",
    )


def _tiles(figures: Figures) -> list[tuple[str, str]]:
    """Return the figures of the reference as (value, name)."""
    reference = figures["reference"]
    every = figures["tokenizers"][reference]["all"]
    values = (
        (decimal(every["tokens_per_word"], 2), "tokens per word"),
        (decimal(every["bytes_per_token"], 2), "bytes per token"),
        (share(every["types_whole"]), "of word types whole"),
        (count(every["changed"]), "documents lost in a round trip"),
    )
    return [(value, f"{name}, {reference}") for value, name in values]


def definitions() -> Section:
    """Return the section with the definition and source of each figure."""
    figures = {
        "Tokens / word": "fertility: tokens ÷ words, which are separated by white space (Rust et al. 2021).",
        "Chars / token, bytes / token": "characters and UTF-8 bytes ÷ tokens; the latter is the ratio of nanochat.",
        "Words split": "share of runs of letters that are more than one token (Rust et al. 2021: continued words).",
        "Types whole": "STRR: share of distinct runs of letters that are one token after a space (arXiv:2510.09947).",
        "NSL": "normalised sequence length: tokens ÷ tokens of the first tokenizer on the same documents.",
        "Difference": "1 - NSL, as in nanochat's tok_eval: above 0, fewer tokens than the first tokenizer.",
        "Rényi": "entropy of order 2.5 of the tokens' frequencies ÷ log |V| (Zouhar et al. 2023).",
        "Ids used": "share of the tokens for text that occur in these texts.",
        "Used < 10 ×": "share of the tokens for text that occur fewer than ten times here: candidates for tokens that "
        "training does not teach (after Land & Bartolo 2024). The share falls with more text.",
        "Fragments": "share of tokens that are not whole characters.",
        "Lost": "documents that do not decode to themselves; 0 for a lossless tokenizer.",
        "Premium": "tokens per character ÷ those of a reference variety (after Petrov et al. 2023; SARF's tables).",
        "Gini": "sum |ci - cj| / (2 n² mean c) over the varieties' tokens per character; 0 is equal (TokEval).",
        "Boundary F1": "token ends inside words, encoded after a space, compared with morpheme boundaries; words "
        "crossing have a boundary inside a token.",
        "Unreachable": "whole tokens that encoding their own text does not give (Land & Bartolo 2024).",
        "Intervals": "percentiles 2.5 and 97.5 of 1,000 draws of documents with replacement (Efron 1979).",
        "Speed": "one thread, the first pass over at most 4 M characters of these texts, on this machine.",
    }
    entries = tag("dl", *[join([tag("dt", name), tag("dd", text)]) for name, text in figures.items()])
    return section("meaning", "Definitions of the figures", "Formulas and sources.", entries, name="Definitions")
