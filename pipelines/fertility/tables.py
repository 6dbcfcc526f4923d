"""The report in a terminal: tables that fit eighty columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.console import Console

NAME, SHORT = 18, 12
AT_ONCE = 4  # tokenizers beside each other


def show(figures: Mapping[str, Any], console: Console) -> None:
    """All tables."""
    tokenizers = figures["tokenizers"]
    rows = []
    for label, one in tokenizers.items():
        every = one["all"]
        rows.append(
            (
                cut(label, NAME),
                one["vocabulary"]["size"],
                f"{every['tokens_per_word']:5.3f}",
                f"{every['chars_per_token']:6.2f}",
                f"{every['bytes_per_token']:5.2f}",
                f"{100 * every['words_split']:6.1f}",
                f"{100 * every['types_whole']:6.1f}",
                f"{one['against']['all']['nsl']:.3f}",
                every["changed"],
            )
        )
    console.table(["tokenizer", "ids", "tok/w", "ch/tok", "B/tok", "split%", "whole%", "NSL", "lost"], rows)
    console.text(
        "tok/w: tokens a word; split%: of words; whole%: word types of one token;\n"
        "lost: documents that don't decode to themselves;\n"
        f"NSL: tokens to those of {cut(figures['reference'], NAME)}\n"
    )
    for by, groups in figures["groups"].items():
        for some in _chunks(list(tokenizers), AT_ONCE):
            lines = [
                (
                    cut(name, NAME),
                    *(f"{tokenizers[label]['by'][by][name]['tokens_per_word']:.3f}" for label in some),
                )
                for name in groups
            ]
            console.table([f"tok/w by {by}", *(cut(label, SHORT) for label in some)], lines)
            console.text("")
    for some in _chunks(list(tokenizers), AT_ONCE):
        console.table(["", *(cut(label, SHORT) for label in some)], _facts([tokenizers[one] for one in some]))
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


def _facts(some: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """Figures of which there is one for each tokenizer."""
    facts: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "Renyi efficiency": lambda one: f"{one['all']['renyi_efficiency']:.3f}",
        "ids used": lambda one: f"{100 * one['all']['vocabulary_used']:.1f} %",
        "used under 10 times": lambda one: f"{100 * one['all']['under_trained']:.1f} %",
        "ids unreachable": lambda one: f"{one['vocabulary']['unreachable']['tokens']:,}",
        "byte fragments": lambda one: f"{100 * one['all']['byte_fragments']:.2f} %",
        "Gini of varieties": lambda one: f"{one['varieties']['gini']:.3f}" if one["varieties"] else "-",
        "worst to best": lambda one: f"{one['varieties']['worst_to_best']:.2f}" if one["varieties"] else "-",
        "vocalised, tok/w": lambda one: _of(one["tashkeel"], "written"),
        "without vowels": lambda one: _of(one["tashkeel"], "bare"),
        "morphemes: F1": lambda one: f"{one['morphemes']['f1']:.3f}" if one["morphemes"] else "-",
        "  precision": lambda one: f"{one['morphemes']['precision']:.3f}" if one["morphemes"] else "-",
        "  words crossing": lambda one: f"{100 * one['morphemes']['crossed']:.1f} %" if one["morphemes"] else "-",
        "1234567 becomes": lambda one: f"{len(one['vocabulary']['digits']['ASCII'])} tokens",
        "MB/s, one thread": lambda one: f"{one['speed']['megabytes_per_second']:.0f}",
    }
    return [(name, *(fact(one) for one in some)) for name, fact in facts.items()]


def _of(tashkeel: Mapping[str, Any] | None, which: str) -> str:
    return f"{tashkeel[which]['tokens_per_word']:.3f}" if tashkeel else "-"


def cut(name: str, width: int) -> str:
    """A name that fits; of a long one the end, which tells paths apart."""
    return name if len(name) <= width else "…" + name[1 - width :]


def _chunks(items: Sequence[str], size: int) -> list[Sequence[str]]:
    return [items[first : first + size] for first in range(0, len(items), size)]
