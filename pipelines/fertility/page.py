"""The report as a page: plots of what matters, every number in a table, sentences cut into tokens."""

from __future__ import annotations

from pipelines.fertility.comparing import Figures, arabic, groups, morphemes, overview
from pipelines.fertility.holding import curve, views, vocabularies
from pipelines.html.elements import (
    count,
    decimal,
    plural,
    section,
    share,
    short,
)
from pipelines.html.markup import Markup, join, tag
from pipelines.report.page import sheet


def render(figures: Figures) -> str:
    """The whole page, from `figures.gather`."""
    tokenizers = figures["tokenizers"]
    texts = next(iter(figures["groups"].values()))
    documents, chars = (sum(one[unit] for one in texts.values()) for unit in ("documents", "chars"))
    first = tokenizers[figures["reference"]]
    parts = [
        ("overview", "Overview", overview(figures)),
        ("texts", "By kind of text", groups(figures)),
        ("varieties", "Varieties and vowels", arabic(figures)),
        ("morphemes", "Morphemes", morphemes(figures)),
        ("vocabulary", "Vocabularies", vocabularies(tokenizers)),
        ("curve", "Cost of size", curve(figures)),
        ("views", "Cut into tokens", views(figures)),
        ("meaning", "What the figures are", meaning()),
    ]
    return sheet(
        title="Tokenizers, side by side" if len(tokenizers) > 1 else next(iter(tokenizers)),
        kicker="arcorp fertility",
        lead=[
            tag(
                "p",
                f"{plural(len(tokenizers), 'tokenizer')} on {plural(documents, 'document beginning')} with "
                f"{short(chars)} characters in {plural(len(figures['groups']['language']), 'language')}.",
                class_="lede",
            ),
            tag(
                "ul",
                *[
                    tag("li", tag("b", value), tag("span", f"{name}, {figures['reference']}"), class_="tile")
                    for value, name in (
                        (decimal(first["all"]["tokens_per_word"], 2), "tokens a word"),
                        (decimal(first["all"]["bytes_per_token"], 2), "bytes a token"),
                        (share(first["all"]["types_whole"]), "of word types whole"),
                        (count(first["all"]["changed"]), "documents lost in a round trip"),
                    )
                ],
                class_="tiles",
            ),
        ],
        parts=[(anchor, title, content) for anchor, title, content in parts if content is not None],
        foot="Written by arcorp. The same figures for programs are in fertility.json beside this page; all but speed "
        "is the same wherever it is made.",
    )


def meaning() -> Markup:
    meanings = {
        "Tokens / word": "fertility: tokens over words between white space (Rust et al. 2021).",
        "Chars / token, bytes / token": "characters, UTF-8 bytes over tokens; the latter is nanochat's ratio.",
        "Words split": "letter runs cut by a token's end, of all letter runs (Rust et al. 2021: continued words).",
        "Types whole": "STRR: different letter runs that are one token after a space (arXiv:2510.09947).",
        "NSL": "normalised sequence length: tokens over the first tokenizer's tokens on the same documents.",
        "Difference": "1 - NSL, as nanochat's tok_eval prints it: above 0, fewer tokens than the first tokenizer.",
        "Rényi": "entropy of order 2.5 of the tokens' frequencies over log |V| (Zouhar et al. 2023).",
        "Ids used": "different tokens that occur in these texts, of all that stand for text.",
        "Used < 10 ×": "tokens for text that come up fewer than ten times here, or never: candidates for tokens that "
        "training won't teach (after Land & Bartolo 2024); more text, fewer of them.",
        "Fragments": "tokens that are no whole characters, of all tokens.",
        "Lost": "documents that don't decode to themselves; 0 for a tokenizer that loses nothing.",
        "Premium": "tokens a character over those of a reference variety (after Petrov et al. 2023; SARF's tables).",
        "Gini": "sum |ci - cj| / (2 n² mean c) over the varieties' tokens a character; 0 is equal (TokEval).",
        "Boundary F1": "token ends inside words, encoded after a space, against morpheme boundaries; words crossing "
        "have a boundary inside a token.",
        "Unreachable": "whole tokens that encoding their own text doesn't give (Land & Bartolo 2024).",
        "Intervals": "percentiles 2.5 and 97.5 of 1,000 draws of documents with replacement (Efron 1979).",
        "Speed": "one thread, the first pass over at most 4 M characters of these texts, on the machine at hand.",
    }
    entries = tag("dl", *[join([tag("dt", name), tag("dd", text)]) for name, text in meanings.items()])
    return section("meaning", "What the figures are", "Formulas and sources.", entries)
