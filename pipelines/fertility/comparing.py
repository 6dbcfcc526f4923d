"""Sections that compare tokenizers on texts: all together, by kind, varieties and vowels, morphemes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipelines.html import (
    THIN,
    Bar,
    Content,
    Figures,
    Label,
    Markup,
    Section,
    charts,
    colours_of,
    count,
    decimal,
    figure,
    folded,
    join,
    language,
    legend,
    named,
    plural,
    section,
    share,
    table,
    tag,
)


def bars(
    title: str,
    note: str,
    tokenizers: Figures,
    groups: Sequence[tuple[str, Callable[[Figures], float]]],
    show: Callable[[float], str],
) -> Markup:
    """Draw a bar for each tokenizer under the name of each group.

    groups: names, each with a function from the figures of a tokenizer to the value. show: formats a value.
    """
    colours = colours_of(tokenizers)
    labelled = [
        (
            Label(name),
            [_bar(label, show(value(each)), value(each), colours[label]) for label, each in tokenizers.items()],
        )
        for name, value in groups
    ]
    return figure(title, note, charts.bars(title, note, labelled), legend=legend(colours))


def _bar(label: str, shown: str, value: float, colour: int) -> Bar:
    return Bar(value, shown, f"{label}: {shown}", colour)


def interval(figures: Figures, name: str, digits: int = 3) -> Content:
    """Format a figure with its interval."""
    value = decimal(figures[name], digits)
    if name not in figures["intervals"]:
        return value
    low, high = figures["intervals"][name]
    return join([value, tag("span", f" {low:.{digits}f}–{high:.{digits}f}", class_="soft")])


def difference(against: Figures) -> str:
    """Format the relative difference to the reference with its sign, a dash for the reference itself."""
    percent = 100 * against["relative_difference"]
    return "–" if against["nsl"] == 1 else f"{percent:+.1f}{THIN}%".replace("-", "−")


def overview(figures: Figures) -> Section:
    """Return the section on all texts together."""
    tokenizers = figures["tokenizers"]
    lengths = [
        (
            label,
            count(each["vocabulary"]["size"]),
            interval(each["all"], "tokens_per_word"),
            interval(each["all"], "chars_per_token", 2),
            interval(each["all"], "bytes_per_token", 2),
            decimal(each["against"]["all"]["nsl"]),
            difference(each["against"]["all"]),
            count(each["all"]["changed"]),
        )
        for label, each in tokenizers.items()
    ]
    rest = [
        (
            label,
            share(each["all"]["words_split"]),
            share(each["all"]["types_whole"]),
            decimal(each["all"]["renyi_efficiency"]),
            share(each["all"]["vocabulary_used"]),
            share(each["all"]["under_trained"]),
            share(each["all"]["byte_fragments"]),
            f"{each['speed']['megabytes_per_second']:.0f} MB/s",
        )
        for label, each in tokenizers.items()
    ]
    return section(
        "overview",
        "Overview",
        "All texts together. Intervals are 95 % bootstrap intervals over documents. NSL and difference compare with "
        f"{figures['reference']}.",
        tag(
            "div",
            bars(
                "Tokens per word",
                "Fertility: fewer is better.",
                tokenizers,
                [("all texts", lambda each: each["all"]["tokens_per_word"])],
                lambda value: decimal(value, 2),
            ),
            bars(
                "Bytes per token",
                "Compression: more is better.",
                tokenizers,
                [("all texts", lambda each: each["all"]["bytes_per_token"])],
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
        *[
            tag("p", tag("b", label), f" changes texts before it encodes them: {'; '.join(each['changes'])}.")
            for label, each in tokenizers.items()
            if each["changes"]
        ],
        table(
            [
                *("tokenizer", "#words split", "#types whole", "#Rényi", "#ids used"),
                *("#used < 10 ×", "#fragments", "#speed"),
            ],
            rest,
        ),
    )


def groups(figures: Figures) -> Section:
    """Return the section on each kind of text."""
    tokenizers = figures["tokenizers"]
    blocks: list[Content] = []
    for by, groups in figures["groups"].items():
        name = language if by == "language" else str
        blocks.append(tag("h3", "By folder of documents" if by == "folder" else f"By {by}"))
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
                        ("Tokens per word", "Words are separated by white space.", "tokens_per_word"),
                        (
                            "Bytes per token",
                            "The ratio that nanochat reports; comparable between alphabets.",
                            "bytes_per_token",
                        ),
                    )
                ],
                class_="pair",
            )
        )
        rows = [
            (
                named(group) if by == "language" else group,
                label,
                interval(each["by"][by][group], "tokens_per_word"),
                interval(each["by"][by][group], "chars_per_token", 2),
                interval(each["by"][by][group], "bytes_per_token", 2),
                share(each["by"][by][group]["words_split"]),
                share(each["by"][by][group]["types_whole"]),
                decimal(each["against"]["by"][by][group]["nsl"]),
                difference(each["against"]["by"][by][group]),
                count(each["by"][by][group]["changed"]),
            )
            for group in groups
            for label, each in tokenizers.items()
        ]
        columns = [
            *(by, "tokenizer", "#tokens / word", "#chars / token", "#bytes / token"),
            *("#words split", "#types whole", "#NSL", "#difference", "#lost"),
        ]
        blocks.append(folded("The numbers", table(columns, rows)))
    return section("texts", "By kind of text", "The same figures for each kind of text.", *blocks)


def _value(by: str, group: str, key: str) -> Callable[[Figures], float]:
    return lambda tokenizer: float(tokenizer["by"][by][group][key])


def arabic(figures: Figures) -> Section | None:
    """Return the section on varieties of Arabic and on tashkeel; None where the texts have neither."""
    tokenizers = figures["tokenizers"]
    first = tokenizers[figures["reference"]]
    blocks: list[Content] = []
    if first["varieties"]:
        reference = first["varieties"]["reference"]
        blocks.append(
            bars(
                "Cost of each variety of Arabic",
                f"Tokens per character as a multiple of {language(reference)}. The texts are not parallel, so that "
                "part of the difference is in the texts.",
                tokenizers,
                [(language(name), _premium(name)) for name in first["varieties"]["premium"]],
                lambda value: decimal(value, 2),
            )
        )
        blocks.append(
            table(
                ["tokenizer", "#Gini", "#worst to best"],
                [
                    (label, decimal(each["varieties"]["gini"]), decimal(each["varieties"]["worst_to_best"], 2))
                    for label, each in tokenizers.items()
                ],
                narrow=True,
            )
        )
    if first["tashkeel"]:
        written = first["tashkeel"]["written"]
        blocks.append(
            bars(
                "With and without vowels",
                f"Tokens per word of {plural(written['documents'], 'text')} written with vowels, and of the same "
                "texts without vowels.",
                tokenizers,
                [
                    ("as written", lambda each: each["tashkeel"]["written"]["tokens_per_word"]),
                    ("without vowels", lambda each: each["tashkeel"]["bare"]["tokens_per_word"]),
                ],
                lambda value: decimal(value, 2),
            )
        )
    if not blocks:
        return None
    lead = "Cost in tokens of dialects and of text that is written with vowels."
    return section("varieties", "Varieties and vowels", lead, *blocks)


def _premium(variety: str) -> Callable[[Figures], float]:
    return lambda tokenizer: float(tokenizer["varieties"]["premium"][variety])


def morphemes(figures: Figures) -> Section | None:
    """Return the section on morpheme boundaries; None where there are no Arabic words to compare with."""
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
            *(decimal(each["morphemes"][key]) for key in ("precision", "recall", "f1")),
            share(each["morphemes"]["exact"]),
            share(each["morphemes"]["crossed"]),
        )
        for label, each in tokenizers.items()
    ]
    return section(
        "morphemes",
        "Morphemes",
        f"Token ends compared with morpheme boundaries in {count(words)} Arabic words. Boundaries are from {truth}.",
        bars(
            "Boundary F1",
            "Token ends inside words compared with morpheme boundaries: more is better.",
            tokenizers,
            [("Arabic words", lambda each: each["morphemes"]["f1"])],
            decimal,
        ),
        table(["tokenizer", "#precision", "#recall", "#F1", "#words exact", "#words crossing"], rows),
    )
