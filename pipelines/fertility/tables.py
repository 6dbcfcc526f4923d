"""The comparison in a terminal: tables that fit eighty columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.console import Console

NAME, SHORT = 18, 12  # widest names, characters
SIDE_BY_SIDE = 4  # tokenizers in one table


def show_tables(figures: Mapping[str, Any], console: Console) -> None:
    """Print all tables, from the figures of `gather`."""
    tokenizers = figures["tokenizers"]
    rows = []
    for label, each in tokenizers.items():
        every = each["all"]
        rows.append(
            (
                shorten(label, NAME),
                each["vocabulary"]["size"],
                f"{every['tokens_per_word']:5.3f}",
                f"{every['chars_per_token']:6.2f}",
                f"{every['bytes_per_token']:5.2f}",
                f"{100 * every['words_split']:6.1f}",
                f"{100 * every['types_whole']:6.1f}",
                f"{each['against']['all']['nsl']:.3f}",
                every["changed"],
            )
        )
    console.table(["tokenizer", "ids", "tok/w", "ch/tok", "B/tok", "split%", "whole%", "NSL", "lost"], rows)
    console.text(
        "tok/w: tokens per word; split%: words split; whole%: word types of one token;\n"
        "lost: documents that do not decode to themselves;\n"
        f"NSL: tokens relative to those of {shorten(figures['reference'], NAME)}\n"
    )
    for label, each in tokenizers.items():
        if each["changes"]:
            console.text(f"{shorten(label, NAME)} changes texts: {'; '.join(each['changes'])}\n")
    for by, groups in figures["groups"].items():
        for chunk in _chunks(list(tokenizers), SIDE_BY_SIDE):
            lines = [
                (
                    shorten(name, NAME),
                    *(f"{tokenizers[label]['by'][by][name]['tokens_per_word']:.3f}" for label in chunk),
                )
                for name in groups
            ]
            console.table([f"tok/w by {by}", *(shorten(label, SHORT) for label in chunk)], lines)
            console.text("")
    for chunk in _chunks(list(tokenizers), SIDE_BY_SIDE):
        facts = _facts([tokenizers[label] for label in chunk])
        console.table(["", *(shorten(label, SHORT) for label in chunk)], facts)
        console.text("")
    if figures["curve"]:
        curve = figures["curve"]
        console.table(
            ["plain BPE of", "tok/w", "B/tok"],
            [
                (point["size"], f"{point['tokens_per_word']['all']:.3f}", f"{point['bytes_per_token']['all']:.2f}")
                for point in curve["points"]
            ],
        )


def _facts(tokenizers: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Return the rows of figures that each tokenizer has one of."""
    facts: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "Renyi efficiency": lambda each: f"{each['all']['renyi_efficiency']:.3f}",
        "ids used": lambda each: f"{100 * each['all']['vocabulary_used']:.1f} %",
        "used under 10 times": lambda each: f"{100 * each['all']['under_trained']:.1f} %",
        "ids unreachable": lambda each: f"{each['vocabulary']['unreachable']['tokens']:,}",
        "byte fragments": lambda each: f"{100 * each['all']['byte_fragments']:.2f} %",
        "Gini of varieties": lambda each: f"{each['varieties']['gini']:.3f}" if each["varieties"] else "-",
        "worst to best": lambda each: f"{each['varieties']['worst_to_best']:.2f}" if each["varieties"] else "-",
        "vocalised, tok/w": lambda each: _fertility(each["tashkeel"], "written"),
        "without vowels": lambda each: _fertility(each["tashkeel"], "bare"),
        "morphemes: F1": lambda each: f"{each['morphemes']['f1']:.3f}" if each["morphemes"] else "-",
        "  precision": lambda each: f"{each['morphemes']['precision']:.3f}" if each["morphemes"] else "-",
        "  words crossing": lambda each: f"{100 * each['morphemes']['crossed']:.1f} %" if each["morphemes"] else "-",
        "1234567 becomes": lambda each: f"{len(each['vocabulary']['digits']['ASCII'])} tokens",
        "MB/s, one thread": lambda each: f"{each['speed']['megabytes_per_second']:.0f}",
    }
    return [(name, *map(fact, tokenizers)) for name, fact in facts.items()]


def _fertility(tashkeel: Mapping[str, Any] | None, which: str) -> str:
    return f"{tashkeel[which]['tokens_per_word']:.3f}" if tashkeel else "-"


def shorten(name: str, width: int) -> str:
    """Return a name that fits into `width` characters; of a long one its end, where paths differ."""
    return name if len(name) <= width else "…" + name[1 - width :]


def _chunks(items: Sequence[str], size: int) -> list[Sequence[str]]:
    return [items[first : first + size] for first in range(0, len(items), size)]
