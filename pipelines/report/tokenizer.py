"""Tokenizer: its training sample, its fertility by language on a bounded sample of documents, and tokenized texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.html import (
    MANY,
    Bar,
    Figures,
    Label,
    Markup,
    Section,
    charts,
    count,
    decimal,
    figure,
    folded,
    join,
    language,
    language_colours,
    legend,
    named,
    plural,
    section,
    share,
    table,
    tag,
    token_spans,
)
from pipelines.report.folders import Folders
from pipelines.run import check_if_sealed
from pipelines.stages.build_folder import TOKENIZER
from pipelines.stages.document_samples import passages, sample
from sharding.seal import Sealed

VIEWED_LANGUAGES = 12


def gather(folders: Folders) -> dict[str, Any] | None:
    """Return the tokenizer's figures; None without a tokenizer. `fit` and `views` need documents that have words."""
    tokenizer = folders.get(TOKENIZER)
    if tokenizer is None:
        return None
    summary = tokenizer.manifest.summary
    meta = tokenizer.read_json("tokenizer_meta.json")
    figures = {
        "vocab_size": summary["vocab_size"],
        "merges": summary["merges"],
        "specials": meta["layout"]["specials"],
        "pattern": meta["pattern"],
        "digits": tokenizer.manifest.options["digits"],
        "sample": _sample_by_language(summary["mixture"]),
        "chars": tokenizer.manifest.counts["chars"].out,
        "rule": tokenizer.manifest.options["sample"],
    }
    texts = sample(folders.documents)
    if texts:
        figures |= _measured(tokenizer, texts)
    return figures


def _sample_by_language(mixture: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the training sample by language: characters that exist ("there") and were taken, and shares of both."""
    chars: dict[str, dict[str, int]] = {}
    for line in mixture:
        language = line["stratum"].split("/")[1]
        counts = chars.setdefault(language, {"there": 0, "taken": 0})
        counts["there"] += line["size"]
        counts["taken"] += line["drawn"]
    total = {key: sum(counts[key] for counts in chars.values()) or 1 for key in ("there", "taken")}
    return [
        {
            "language": language,
            **counts,
            **{f"{key}_share": counts[key] / total[key] for key in total},
            "times": counts["taken"] / counts["there"] if counts["there"] else 0.0,
        }
        for language, counts in sorted(chars.items(), key=lambda item: (-item[1]["there"], item[0]))
    ]


def _measured(tokenizer: Sealed, texts: dict[str, list[str]]) -> dict[str, Any]:
    """Return fertility by language, and a few passages of each language as (text, number of tokens) pieces."""
    from tokenization.evaluation import report, view_tokens
    from tokenization.model import Tokenizer

    check_if_sealed(tokenizer.path)
    loaded = Tokenizer.load(tokenizer.path)
    return {
        "fit": report(loaded, texts),
        "views": {
            language: [
                [[piece, len(ids)] for piece, ids in view_tokens(loaded, passage)]
                for passage in passages(language, texts[language])
            ]
            for language in list(texts)[:VIEWED_LANGUAGES]
        },
    }


# -- the page ---------------------------------------------------------------------------------------------


def render(figures: Figures) -> list[Section]:
    """Return the section on the tokenizer."""
    specials = ", ".join(sorted(figures["specials"], key=figures["specials"].get))
    return [
        section(
            "tokenizer",
            "Tokenizer",
            f"Byte-level BPE with {count(figures['vocab_size'])} ids: 256 bytes, {count(figures['merges'])} merges, "
            f"{plural(len(figures['specials']), 'special token')} ({specials}). It was trained on "
            f"{count(figures['chars'])} characters.",
            _training_sample(figures["sample"]),
            _fit(figures["fit"]) if "fit" in figures else None,
            _views(figures["views"]) if "views" in figures else None,
        )
    ]


def _training_sample(lines: Sequence[Figures]) -> Markup:
    colours = language_colours(line["language"] for line in lines)
    bars = [
        (
            Label(language(line["language"])),
            [
                Bar(line["there_share"], share(line["there_share"]), "natural share", 0),
                Bar(line["taken_share"], share(line["taken_share"]), "share taken", colours[line["language"]]),
            ],
        )
        for line in lines
    ]
    numbers = table(
        ["language", "#chars", "#natural", "#chars taken", "#share", "#times read"],
        [
            (
                named(line["language"]),
                *(cell for key in ("there", "taken") for cell in (count(line[key]), share(line[f"{key}_share"]))),
                decimal(line["times"], 2),
            )
            for line in lines
        ],
    )
    return figure(
        "Training sample",
        "Share of each language in characters: of all documents (natural), and of the text that the tokenizer was "
        "trained on (taken). A language with less text than its share is read more than once.",
        charts.bars("Shares of the training sample", "Natural share and share taken of each language.", bars),
        numbers,
        legend({"natural": 0, "taken": MANY}),
    )


def _fit(fit: Figures) -> Markup:
    groups = sorted(fit["groups"].items(), key=lambda item: item[1]["tokens_per_word"])
    colours = language_colours(sorted(fit["groups"]))
    fertility, length = (
        [
            (Label(language(name)), [Bar(group[key], decimal(group[key], 2), key.replace("_", " "), colours[name])])
            for name, group in groups
        ]
        for key in ("tokens_per_word", "chars_per_token")
    )
    columns: dict[str, tuple[str, Callable[[float | None], str]]] = {
        "tokens / word": ("tokens_per_word", decimal),
        "chars / token": ("chars_per_token", decimal),
        "bytes / token": ("bytes_per_token", decimal),
        "words split": ("words_split", share),
        "types whole": ("types_whole", share),
        "premium": ("premium", decimal),
        "vocabulary used": ("vocabulary_used", share),
    }

    def cells(group: Figures) -> list[str]:
        return [show(group.get(key)) for key, show in columns.values()]

    return join(
        [
            tag("h3", "Fertility by language"),
            tag(
                "p",
                f"Measured on {plural(fit['all']['documents'], 'document beginning')} with "
                f"{count(fit['all']['words'])} words, evenly spaced over the documents of each language. "
                f"{_lossless(fit['all']['changed'])}",
                class_="soft",
            ),
            tag(
                "div",
                figure(
                    "Tokens per word",
                    "Fertility: fewer is better. Words are separated by white space.",
                    charts.bars("Tokens per word", "One bar for each language.", fertility),
                ),
                figure(
                    "Characters per token",
                    "More is better.",
                    charts.bars("Characters per token", "One bar for each language.", length),
                ),
                class_="pair",
            ),
            table(
                ["language", *(f"#{name}" for name in columns), "#words"],
                [(named(name), *cells(group), count(group["words"])) for name, group in groups],
                total=("all", *cells(fit["all"]), count(fit["all"]["words"])),
            ),
            folded("Definitions of these figures", _definitions(fit)),
        ]
    )


def _lossless(changed: int) -> str:
    if changed:
        return f"{plural(changed, 'text')} decode{'s' if changed == 1 else ''} to another text."
    return "Every text decodes to itself."


def _definitions(fit: Figures) -> Markup:
    """Return the definition and source of each figure, and the figures that exist only for all languages together."""
    definitions = {
        "Tokens / word": "fertility: tokens ÷ words, which are separated by white space (Rust et al. 2021).",
        "Words split": "share of runs of letters that are more than one token (Rust et al. 2021).",
        "Types whole": "share of distinct runs of letters that are one token after a space (arXiv:2510.09947).",
        "Premium": f"tokens per character as a multiple of {language(fit['reference'])}, the lowest here (after "
        "Petrov et al. 2023, whose texts are parallel; these are not).",
        "Vocabulary used": "share of the tokens for text that occur.",
        f"Gini, {decimal(fit['gini'])}": "inequality of tokens per character between languages; 0 is equal (TokEval).",
        f"Rényi efficiency, {decimal(fit['all']['renyi_efficiency'])}": "entropy of order 2.5 of the tokens' "
        "frequencies ÷ logarithm of the vocabulary's size (Zouhar et al. 2023).",
        f"Byte fragments, {share(fit['all']['byte_fragments'])}": "share of tokens that are not whole characters.",
    }
    return tag("dl", *[join([tag("dt", name), tag("dd", definition)]) for name, definition in definitions.items()])


def _views(views: Mapping[str, Sequence[Sequence[tuple[str, int]]]]) -> Markup:
    blocks = []
    for label, texts in views.items():
        blocks.append(tag("h4", named(label)))
        for pieces in texts:
            text, counted = token_spans(pieces, label)
            blocks += [text, tag("p", counted, class_="small")]
    return join(
        [
            tag("h3", "Tokenized texts"),
            tag("p", "Each token has a tint. Letters join across tokens as they do in writing.", class_="soft"),
            *blocks,
        ]
    )
