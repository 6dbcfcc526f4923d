"""Sections on the tokenizers themselves: vocabularies, cost of the vocabulary's size, tokenized passages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.html import (
    Content,
    Figures,
    Line,
    Markup,
    Piece,
    Section,
    Stack,
    charts,
    colours_of,
    count,
    decimal,
    figure,
    folded,
    join,
    legend,
    named,
    section,
    share,
    short,
    table,
    tag,
    token_spans,
)

SCRIPTS = ("Arabic", "Latin", "Han", "Cyrillic", "Hangul", "digits", "signs")
SCRIPT_COLOURS = colours_of((*SCRIPTS, "other"))


def vocabularies(tokenizers: Figures) -> Section:
    """Return the section on vocabularies."""
    colours = colours_of(tokenizers)
    curves = [
        Line(
            label,
            [
                (int(length), number / each["vocabulary"]["text"])
                for length, number in each["vocabulary"]["chars"].items()
            ],
            colours[label],
            dots=True,
        )
        for label, each in tokenizers.items()
    ]
    stacks = [
        Stack(
            label,
            [
                Piece(part, f"{script}: {share(part)}", SCRIPT_COLOURS[script])
                for script, part in _scripts(each["vocabulary"]["scripts"]).items()
                if part > 0
            ],
            f"{count(each['vocabulary']['text'])} tokens",
        )
        for label, each in tokenizers.items()
    ]
    scripts = [_scripts(each["vocabulary"]["scripts"]) for each in tokenizers.values()]
    there = {script for shares in scripts for script, part in shares.items() if part > 0}
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
        for label, vocabulary in ((label, each["vocabulary"]) for label, each in tokenizers.items())
    ]
    columns = [
        *("tokenizer", "#ids", "#special", "#bytes a token", "#unreachable", "#fragments"),
        *("#1234567", "#١٢٣٤٥٦٧", "#4 spaces", "#16 spaces"),
    ]
    return section(
        "vocabulary",
        "Vocabularies",
        "Properties of the vocabularies, independent of the texts. The last four columns of the table are numbers of "
        "tokens: of seven digits in two scripts, and of the indentation of a line.",
        figure(
            "Lengths of tokens",
            "Share of the tokens for text by number of characters; 16 stands for 16 or more.",
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
            "Tokens by the script of their first letter; bytes that are not a whole character count as other.",
            charts.stacks("Scripts", "One bar for each tokenizer.", stacks),
            legend=legend({script: colour for script, colour in SCRIPT_COLOURS.items() if script in there}),
        ),
        table(columns, rows),
        folded(
            "Tokens that encoding their own text does not give",
            *[
                join([tag("h4", label), _unreachable(each["vocabulary"]["unreachable"]["first"])])
                for label, each in tokenizers.items()
            ],
        ),
    )


def _unreachable(first: Sequence[str]) -> Markup:
    return tag("p", "None.") if not first else tag("p", *[join([tag("code", repr(text)), " "]) for text in first])


def _scripts(shares: Mapping[str, float]) -> dict[str, float]:
    """Return the shares of SCRIPTS, and of all other scripts together."""
    coloured = {script: shares.get(script, 0.0) for script in SCRIPTS}
    return {**coloured, "other": max(0.0, sum(shares.values()) - sum(coloured.values()))}


def curve(figures: Figures) -> Section | None:
    """Return the section on the cost of the vocabulary's size; None where no sizes were given."""
    curve = figures["curve"]
    if not curve:
        return None
    colours = colours_of(figures["tokenizers"])

    def plot(title: str, note: str, key: str) -> Markup:
        lines = [Line("plain BPE", [(point["size"], point[key]["all"]) for point in curve["points"]], 0, dots=True)]
        lines += [
            Line(label, [(point["size"], point[key]["all"])], colours[label], dots=True)
            for label, point in curve["tokenizers"].items()
        ]
        chart = charts.lines(title, note, lines, x_name="ids", show_x=short, show=lambda value: f"{value:g}")
        return figure(title, note, chart, legend=legend({"plain BPE": 0, **colours}))

    languages = list(curve["points"][0]["tokens_per_word"])
    rows = [
        (name, count(point["size"]), *(decimal(point["tokens_per_word"].get(label)) for label in languages))
        for name, point in (*(("plain BPE", point) for point in curve["points"]), *curve["tokenizers"].items())
    ]
    return section(
        "curve",
        "Cost of size",
        f"Plain BPE trained on {count(curve['learned_from_chars'])} characters of these texts, and the tokenizers "
        "above, measured on held-out documents. The tokenizers above may have been trained on them.",
        tag(
            "div",
            plot("Tokens per word", "All held-out texts; a dot for each tokenizer.", "tokens_per_word"),
            plot("Bytes per token", "All held-out texts; a dot for each tokenizer.", "bytes_per_token"),
            class_="pair",
        ),
        table(["tokenizer", "#ids", *(f"#{label}" for label in languages)], rows),
    )


def views(figures: Figures) -> Section:
    """Return the section with passages that each tokenizer has tokenized."""
    blocks: list[Content] = []
    for label, passages in figures["views"].items():
        blocks.append(tag("h3", named(label)))
        for pieces_of in passages:
            card: list[Content] = []
            for tokenizer, pieces in pieces_of.items():
                text, counted = token_spans(pieces, label)
                card += [text, tag("p", tag("b", tokenizer), f": {counted}", class_="small")]
            blocks.append(tag("div", *card, class_="card"))
    return section(
        "views",
        "Tokenized passages",
        "Each token has a tint. Letters join across tokens as they do in writing.",
        *blocks,
    )
