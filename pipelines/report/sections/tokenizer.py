"""What the tokenizer was trained on, how it fits each language, and texts cut into its tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pipelines.html import charts
from pipelines.html.charts import Bar, Label
from pipelines.html.elements import (
    Figures,
    count,
    decimal,
    figure,
    folded,
    language,
    legend,
    named,
    passage,
    plural,
    section,
    share,
    table,
)
from pipelines.html.markup import Markup, join, tag


def tokenizer(figures: Figures) -> Markup:
    specials = ", ".join(sorted(figures["specials"], key=figures["specials"].get))
    return section(
        "tokenizer",
        "Tokenizer",
        f"Byte-level BPE with {count(figures['vocab_size'])} ids: 256 bytes, {count(figures['merges'])} merges, "
        f"{plural(len(figures['specials']), 'special token')} ({specials}). It was trained on "
        f"{count(figures['chars'])} characters.",
        _sample(figures["sample"]),
        _fit(figures["fit"]) if "fit" in figures else None,
        _views(figures["views"]) if "views" in figures else None,
    )


def _sample(lines: Sequence[Figures]) -> Markup:
    bars = [
        (
            Label(language(line["language"])),
            [
                Bar(line["there_share"], share(line["there_share"]), "natural share", 0),
                Bar(line["taken_share"], share(line["taken_share"]), "share taken", 1),
            ],
        )
        for line in lines
    ]
    numbers = table(
        ["language", "#chars there", "#natural", "#chars taken", "#share", "#times read"],
        [
            (
                named(line["language"]),
                *(cell for way in ("there", "taken") for cell in (count(line[way]), share(line[f"{way}_share"]))),
                decimal(line["times"], 2),
            )
            for line in lines
        ],
    )
    return figure(
        "What it was trained on",
        "Shares of characters by language, of each document as much as the recipe takes. A language with less text "
        "than its share is read more than once.",
        charts.bars("Shares of the training sample", "For each language: natural, and taken.", bars),
        numbers,
        legend({"natural": 0, "taken": 1}),
    )


def _fit(fit: Figures) -> Markup:
    groups = sorted(fit["groups"].items(), key=lambda item: item[1]["tokens_per_word"])
    fertility = [
        (Label(language(name)), [Bar(one["tokens_per_word"], decimal(one["tokens_per_word"], 2), "tokens per word")])
        for name, one in groups
    ]
    length = [
        (
            Label(language(name)),
            [Bar(one["chars_per_token"], decimal(one["chars_per_token"], 2), "characters per token", 3)],
        )
        for name, one in groups
    ]
    columns: dict[str, tuple[str, Callable[[float | None], str]]] = {
        "tokens / word": ("tokens_per_word", decimal),
        "chars / token": ("chars_per_token", decimal),
        "bytes / token": ("bytes_per_token", decimal),
        "words split": ("words_split", share),
        "types whole": ("types_whole", share),
        "premium": ("premium", decimal),
        "vocabulary used": ("vocabulary_used", share),
    }

    def cells(one: Figures) -> list[str]:
        return [show(one.get(key)) for key, show in columns.values()]

    return join(
        [
            tag("h3", "How it fits each language"),
            tag(
                "p",
                f"On {plural(fit['all']['documents'], 'document beginning')} with {count(fit['all']['words'])} words, "
                f"evenly spaced over each language's documents; {_lossless(fit['all']['changed'])}",
                class_="soft",
            ),
            tag(
                "div",
                figure(
                    "Tokens per word",
                    "Fertility: fewer is better. Words stand between white space.",
                    charts.bars("Tokens per word", "One bar for each language.", fertility),
                ),
                figure(
                    "Characters per token",
                    "More is better, in any alphabet.",
                    charts.bars("Characters per token", "One bar for each language.", length),
                ),
                class_="pair",
            ),
            table(
                ["language", *(f"#{name}" for name in columns), "#words"],
                [(named(name), *cells(one), count(one["words"])) for name, one in groups],
                total=("all", *cells(fit["all"]), count(fit["all"]["words"])),
            ),
            folded("What these figures are", _meaning(fit)),
        ]
    )


def _lossless(changed: int) -> str:
    return f"{plural(changed, 'text')} of them decode to something else." if changed else "all decode to themselves."


def _meaning(fit: Figures) -> Markup:
    """Each figure with its definition and source, and those of all languages together."""
    meanings = {
        "Tokens / word": "fertility: tokens over words between white space (Rust et al. 2021).",
        "Words split": "letter runs that take more than one token, of all letter runs (Rust et al. 2021).",
        "Types whole": "different letter runs that are one token after a space (arXiv:2510.09947).",
        "Premium": f"tokens per character as a multiple of {language(fit['reference'])}, the cheapest here (after "
        "Petrov et al. 2023, whose texts are parallel; these are not).",
        "Vocabulary used": "different tokens that occur, of all that stand for text.",
        f"Gini, {decimal(fit['gini'])}": "inequality of tokens per character over languages; 0 is equal (TokEval).",
        f"Rényi efficiency, {decimal(fit['all']['renyi_efficiency'])}": "entropy of order 2.5 of the tokens' "
        "frequencies over the logarithm of the vocabulary (Zouhar et al. 2023).",
        f"Byte fragments, {share(fit['all']['byte_fragments'])}": "tokens that are no whole characters.",
    }
    return tag("dl", *[join([tag("dt", name), tag("dd", meaning)]) for name, meaning in meanings.items()])


def _views(views: Mapping[str, Sequence[Sequence[tuple[str, int]]]]) -> Markup:
    blocks = []
    for label, passages in views.items():
        blocks.append(tag("h4", named(label)))
        for pieces in passages:
            spans = [
                tag("span", piece, title=f"{ids} tokens: bytes of one character" if ids > 1 else None)
                for piece, ids in pieces
            ]
            tokens = sum(ids for _, ids in pieces)
            chars = sum(len(piece) for piece, _ in pieces)
            blocks.append(passage(spans, label, kind="tokens"))
            blocks.append(
                tag(
                    "p",
                    f"{plural(tokens, 'token')}, {decimal(chars / (tokens or 1), 2)} characters each",
                    class_="small",
                )
            )
    return join(
        [
            tag("h3", "Texts, cut into tokens"),
            tag("p", "A tint for each token. Letters join across tokens as they do in writing.", class_="soft"),
            *blocks,
        ]
    )
