"""Sections on what tokenizers are: their vocabularies, what size costs, sentences cut into tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.fertility.comparing import Figures, colours_of
from pipelines.html import charts
from pipelines.html.charts import Line, Piece, Stack
from pipelines.html.elements import (
    count,
    decimal,
    figure,
    folded,
    legend,
    named,
    passage,
    plural,
    section,
    share,
    short,
    table,
)
from pipelines.html.markup import Content, Markup, join, tag

SCRIPTS = ("Arabic", "Latin", "Han", "Cyrillic", "Hangul", "digits", "signs")


def vocabularies(tokenizers: Figures) -> Markup:
    colours = colours_of(tokenizers)
    curves = [
        Line(
            label,
            [
                (int(length), number / one["vocabulary"]["text"])
                for length, number in one["vocabulary"]["chars"].items()
            ],
            min(colours[label], charts.COLOURS),
            dots=True,
        )
        for label, one in tokenizers.items()
    ]
    stacks = [
        Stack(
            label,
            [
                Piece(part, f"{script}: {share(part)}", number)
                for number, script in enumerate((*SCRIPTS, "other"), 1)
                if (part := _scripts(one["vocabulary"]["scripts"])[script]) > 0
            ],
            f"{count(one['vocabulary']['text'])} tokens",
        )
        for label, one in tokenizers.items()
    ]
    rows = [
        (
            label,
            count(vocabulary["size"]),
            count(vocabulary["specials"]),
            "{mean:.2f} ± {deviation:.2f}, to {most}".format(**vocabulary["bytes"]),
            count(vocabulary["unreachable"]["tokens"]),
            share(vocabulary["fragments"]),
            *(len(pieces) for pieces in vocabulary["digits"].values()),
            *(vocabulary["indents"][str(spaces)] for spaces in (4, 16)),
        )
        for label, vocabulary in ((label, one["vocabulary"]) for label, one in tokenizers.items())
    ]
    columns = [
        *("tokenizer", "#ids", "#special", "#bytes a token", "#unreachable", "#fragments"),
        *("#1234567", "#١٢٣٤٥٦٧", "#4 spaces", "#16 spaces"),
    ]
    return section(
        "vocabulary",
        "Vocabularies",
        "What they are made of, whatever the text. The last four columns are tokens: of seven digits in two scripts, "
        "and of a line's indentation.",
        figure(
            "Lengths of tokens",
            "Share of the tokens for text that have so many characters; 16 are 16 or more.",
            charts.lines(
                "Lengths of tokens",
                "One line for each tokenizer.",
                curves,
                show=lambda value: f"{100 * value:.0f} %",
                x_name="characters",
                from_zero=True,
            ),
            legend=legend(colours),
        ),
        figure(
            "Scripts",
            "Tokens by the script of their first letter; bytes that are no whole character count as other.",
            charts.stacks("Scripts", "One bar for each tokenizer.", stacks),
            legend=legend({script: number for number, script in enumerate((*SCRIPTS, "other"), 1)}),
        ),
        table(columns, rows),
        folded(
            "Tokens that their own text doesn't encode to",
            *[
                join([tag("h4", label), _unreachable(one["vocabulary"]["unreachable"]["first"])])
                for label, one in tokenizers.items()
            ],
        ),
    )


def _unreachable(first: Sequence[str]) -> Markup:
    return tag("p", "None.") if not first else tag("p", *[join([tag("code", repr(text)), " "]) for text in first])


def _scripts(shares: Mapping[str, float]) -> dict[str, float]:
    """Those that have a colour of their own, and all others together."""
    kept = {script: shares.get(script, 0.0) for script in SCRIPTS}
    return {**kept, "other": max(0.0, sum(shares.values()) - sum(kept.values()))}


def curve(figures: Figures) -> Markup | None:
    curve = figures["curve"]
    if not curve:
        return None
    colours = colours_of(figures["tokenizers"])

    def drawn(title: str, note: str, key: str) -> Markup:
        lines = [Line("plain BPE", [(point["size"], point[key]["all"]) for point in curve["points"]], 0, dots=True)]
        lines += [
            Line(label, [(point["size"], point[key]["all"])], min(colours[label], charts.COLOURS), dots=True)
            for label, point in curve["tokenizers"].items()
        ]
        plot = charts.lines(title, note, lines, x_name="ids", show_x=short, show=lambda value: f"{value:g}")
        return figure(title, note, plot, legend=legend({"plain BPE": 0, **colours}))

    languages = list(curve["points"][0]["tokens_per_word"])
    rows = [
        (name, count(point["size"]), *(decimal(point["tokens_per_word"].get(one)) for one in languages))
        for name, point in (
            *(("plain BPE", point) for point in curve["points"]),
            *curve["tokenizers"].items(),
        )
    ]
    return section(
        "curve",
        "Cost of size",
        f"Plain BPE learned from {count(curve['learned_from_chars'])} characters of these texts, and the tokenizers "
        "above, on documents that were kept aside; those above may have seen them.",
        tag(
            "div",
            drawn("Tokens per word", "All texts kept aside; a dot for each tokenizer.", "tokens_per_word"),
            drawn("Bytes per token", "The same, by bytes.", "bytes_per_token"),
            class_="pair",
        ),
        table(["tokenizer", "#ids", *(f"#{one}" for one in languages)], rows),
    )


def views(figures: Figures) -> Markup:
    blocks: list[Content] = []
    for label, passages in figures["views"].items():
        blocks.append(tag("h3", named(label)))
        for cut_by in passages:
            card: list[Content] = []
            for tokenizer, pieces in cut_by.items():
                tokens, chars = sum(ids for _, ids in pieces), sum(len(piece) for piece, _ in pieces)
                spans = [
                    tag("span", piece, title=f"{ids} tokens: bytes of one character" if ids > 1 else None)
                    for piece, ids in pieces
                ]
                each = decimal(chars / (tokens or 1), 2)
                card.append(
                    tag(
                        "p",
                        tag("b", tokenizer),
                        f": {plural(tokens, 'token')}, {each} characters each",
                        class_="small",
                    )
                )
                card.append(passage(spans, label, kind="tokens"))
            blocks.append(tag("div", *card, class_="card"))
    return section(
        "views",
        "Cut into tokens",
        "A tint for each token. Letters join across tokens as they do in writing.",
        *blocks,
    )
