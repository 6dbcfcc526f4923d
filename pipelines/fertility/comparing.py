"""Sections that compare tokenizers on texts: all together, by kind, varieties and vowels, morphemes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.html import charts
from pipelines.html.charts import Bar, Label
from pipelines.html.elements import (
    THIN,
    count,
    decimal,
    figure,
    folded,
    language,
    legend,
    named,
    plural,
    section,
    share,
    table,
)
from pipelines.html.markup import Content, Markup, join, tag

Figures = Mapping[str, Any]
BY = {"folder": "folder of documents", "source": "source", "language": "language", "category": "category"}


def colours_of(tokenizers: Figures) -> dict[str, int]:
    return {label: number for number, label in enumerate(tokenizers, 1)}


def bars(
    title: str, note: str, tokenizers: Figures, groups: Sequence[tuple[str, Callable[[Figures], float]]],
    show: Callable[[float], str],
) -> Markup:  # fmt: skip
    """Bars of each tokenizer under the name of each group."""
    colours = colours_of(tokenizers)
    drawn = [
        (
            Label(name),
            [
                Bar(value(one), show(value(one)), f"{label}: {show(value(one))}", min(colours[label], charts.COLOURS))
                for label, one in tokenizers.items()
            ],
        )
        for name, value in groups
    ]
    return figure(title, note, charts.bars(title, note, drawn), legend=legend(colours))


def interval(one: Figures, name: str, digits: int = 3) -> Content:
    """A figure with its interval, small."""
    value = decimal(one[name], digits)
    if name not in one["intervals"]:
        return value
    low, high = one["intervals"][name]
    return join([value, tag("span", f" {low:.{digits}f}–{high:.{digits}f}", class_="soft")])


def difference(against: Figures) -> str:
    """With its sign; of a tokenizer against itself a dash."""
    percent = 100 * against["relative_difference"]
    return "–" if against["nsl"] == 1 else f"{percent:+.1f}{THIN}%".replace("-", "−")


def overview(figures: Figures) -> Markup:
    tokenizers = figures["tokenizers"]
    lengths = [
        (
            label,
            count(one["vocabulary"]["size"]),
            interval(one["all"], "tokens_per_word"),
            interval(one["all"], "chars_per_token", 2),
            interval(one["all"], "bytes_per_token", 2),
            decimal(one["against"]["all"]["nsl"]),
            difference(one["against"]["all"]),
            count(one["all"]["changed"]),
        )
        for label, one in tokenizers.items()
    ]
    rest = [
        (
            label,
            share(one["all"]["words_split"]),
            share(one["all"]["types_whole"]),
            decimal(one["all"]["renyi_efficiency"]),
            share(one["all"]["vocabulary_used"]),
            share(one["all"]["under_trained"]),
            share(one["all"]["byte_fragments"]),
            f"{one['speed']['megabytes_per_second']:.0f} MB/s",
        )
        for label, one in tokenizers.items()
    ]
    return section(
        "overview",
        "Overview",
        f"All texts together; intervals are 95 %, from drawing documents again. NSL and difference are against "
        f"{figures['reference']}.",
        tag(
            "div",
            bars(
                "Tokens per word",
                "Fertility: fewer is better.",
                tokenizers,
                [("all texts", lambda one: one["all"]["tokens_per_word"])],
                lambda value: decimal(value, 2),
            ),
            bars(
                "Bytes per token",
                "Compression: more is better.",
                tokenizers,
                [("all texts", lambda one: one["all"]["bytes_per_token"])],
                lambda value: decimal(value, 2),
            ),
            class_="pair",
        ),
        table(
            [
                *("tokenizer", "#ids", "#tokens / word", "#chars / token", "#bytes / token"),
                *("#NSL", "#difference", "#lost"),
            ],
            lengths,
        ),
        table(
            [
                *("tokenizer", "#words split", "#types whole", "#Rényi", "#ids used"),
                *("#used < 10 ×", "#fragments", "#speed"),
            ],
            rest,
        ),
    )


def groups(figures: Figures) -> Markup:
    tokenizers = figures["tokenizers"]
    blocks: list[Content] = []
    for by, groups in figures["groups"].items():
        name = language if by == "language" else str
        title = f"By {BY[by]}"
        blocks.append(tag("h3", title))
        blocks.append(
            tag(
                "div",
                *[
                    bars(
                        kind,
                        note,
                        tokenizers,
                        [(name(group), _value(by, group, key)) for group in groups],
                        lambda value: decimal(value, 2),
                    )
                    for kind, note, key in (
                        ("Tokens per word", "Words stand between white space.", "tokens_per_word"),
                        ("Bytes per token", "nanochat's ratio: comparable in any alphabet.", "bytes_per_token"),
                    )
                ],
                class_="pair",
            )
        )
        rows = [
            (
                named(group) if by == "language" else group,
                label,
                interval(one["by"][by][group], "tokens_per_word"),
                interval(one["by"][by][group], "chars_per_token", 2),
                interval(one["by"][by][group], "bytes_per_token", 2),
                share(one["by"][by][group]["words_split"]),
                share(one["by"][by][group]["types_whole"]),
                decimal(one["against"]["by"][by][group]["nsl"]),
                difference(one["against"]["by"][by][group]),
                count(one["by"][by][group]["changed"]),
            )
            for group in groups
            for label, one in tokenizers.items()
        ]
        columns = [
            *(by, "tokenizer", "#tokens / word", "#chars / token", "#bytes / token"),
            *("#words split", "#types whole", "#NSL", "#difference", "#lost"),
        ]
        blocks.append(folded("The numbers", table(columns, rows)))
    return section("texts", "By kind of text", "The same tokenizers on each kind of text.", *blocks)


def _value(by: str, group: str, key: str) -> Callable[[Figures], float]:
    return lambda one: float(one["by"][by][group][key])


def arabic(figures: Figures) -> Markup | None:
    tokenizers = figures["tokenizers"]
    first = tokenizers[figures["reference"]]
    blocks: list[Content] = []
    if first["varieties"]:
        reference = first["varieties"]["reference"]
        blocks.append(
            bars(
                "What a variety of Arabic pays",
                f"Tokens a character, as a multiple of {language(reference)}. The texts are not parallel, so that "
                "part of it is the texts'.",
                tokenizers,
                [
                    (language(name), lambda one, name=name: one["varieties"]["premium"][name])  # type: ignore[misc]
                    for name in first["varieties"]["premium"]
                ],
                lambda value: decimal(value, 2),
            )
        )
        blocks.append(
            table(
                ["tokenizer", "#Gini", "#worst to best"],
                [
                    (label, decimal(one["varieties"]["gini"]), decimal(one["varieties"]["worst_to_best"], 2))
                    for label, one in tokenizers.items()
                ],
                narrow=True,
            )
        )
    if first["tashkeel"]:
        written = first["tashkeel"]["written"]
        blocks.append(
            bars(
                "With and without vowels",
                f"Tokens per word of the {plural(written['documents'], 'text')} written with vowels, and of the same "
                "texts without.",
                tokenizers,
                [
                    ("as written", lambda one: one["tashkeel"]["written"]["tokens_per_word"]),
                    ("without vowels", lambda one: one["tashkeel"]["bare"]["tokens_per_word"]),
                ],
                lambda value: decimal(value, 2),
            )
        )
    if not blocks:
        return None
    return section("varieties", "Varieties and vowels", "What writing as one speaks, or with vowels, costs.", *blocks)


def morphemes(figures: Figures) -> Markup | None:
    tokenizers = figures["tokenizers"]
    if not figures["gold"]:
        return None
    words = tokenizers[figures["reference"]]["morphemes"]["tokens"]
    if not words:
        return None
    truth = "the learned segmenter" if figures["gold"] == "segmenter" else figures["gold"]
    rows = [
        (
            label,
            *(decimal(one["morphemes"][key]) for key in ("precision", "recall", "f1")),
            share(one["morphemes"]["exact"]),
            share(one["morphemes"]["crossed"]),
        )
        for label, one in tokenizers.items()
    ]
    return section(
        "morphemes",
        "Morphemes",
        f"Whether tokens end where morphemes end, on {count(words)} Arabic words; the truth is from {truth}.",
        bars(
            "Boundary F1",
            "Token ends inside words against true boundaries: more is better.",
            tokenizers,
            [("Arabic words", lambda one: one["morphemes"]["f1"])],
            decimal,
        ),
        table(["tokenizer", "#precision", "#recall", "#F1", "#words exact", "#words crossing"], rows),
    )
