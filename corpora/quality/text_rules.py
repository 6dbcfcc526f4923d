"""Rules of quality for running text: thresholds on the counts of `corpora.quality.statistics`, and which of them a
text fails.

The rules, their order and their names are those of datatrove 0.10.1's GopherRepetition, FineWebQuality and
GopherQuality filters, run in this order as FineWeb-2 does (huggingface/fineweb-2: fineweb-2-pipeline.py, thresholds of
each variety in configs/*.yml, here `data/fineweb_2.json`). Other profiles are the same rules with thresholds of our
own: what they keep is in docs/quality.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from corpora.quality.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a text is asked, in this order; None asks nothing. Shares are of all there are.

    max_repeated_lines        pieces between line feeds that came before
    max_top_n_grams           characters of the most frequent 2-, 3-, 4-gram
    max_repeated_n_grams      characters in 5- to 10-grams that came before
    min_terminal_lines        lines that end with terminal punctuation
    max_repeated_line_chars   characters in lines that came before
    max_newlines              line feeds a word
    min_words, max_words      words that are no mere punctuation
    min_length, max_length    their mean length
    max_symbols               # a word, and likewise ellipses
    max_bullets               lines that begin with a bullet
    max_ellipsis_lines        lines that end with an ellipsis
    min_letter_words          words with a letter, of all with punctuation
    min_stop_words            different words of `stop_words`
    """

    max_repeated_lines: float | None = None
    max_top_n_grams: tuple[float, ...] | None = None
    max_repeated_n_grams: tuple[float, ...] | None = None
    min_terminal_lines: float | None = None
    max_repeated_line_chars: float | None = None
    max_newlines: float | None = None
    min_words: int | None = None
    max_words: int | None = None
    min_length: float | None = None
    max_length: float | None = None
    max_symbols: float | None = None
    max_bullets: float | None = None
    max_ellipsis_lines: float | None = None
    min_letter_words: float | None = None
    min_stop_words: int | None = None
    stop_words: tuple[str, ...] = ()


def failed_rule(found: Statistics, rules: Thresholds) -> str:
    """The reason of the first rule that a text fails, in datatrove's words; "" if it fails none."""
    return next(_faults(found, rules), "")


def _faults(found: Statistics, rules: Thresholds) -> Iterator[str]:
    def over(count: float, whole: float, limit: float | None) -> bool:
        return limit is not None and count / whole > limit

    def under(count: float, whole: float, limit: float | None) -> bool:
        return limit is not None and count / whole < limit

    if not found.chars:
        yield "empty"
    if over(found.repeated_pieces, found.pieces, rules.max_repeated_lines):
        yield "dup_line_frac"
    for n, (count, limit) in enumerate(zip(found.top, rules.max_top_n_grams or (), strict=False), 2):
        if over(count, found.chars, limit):
            yield f"top_{n}_gram"
    for n, (count, limit) in enumerate(zip(found.repeated, rules.max_repeated_n_grams or (), strict=False), 5):
        if over(count, found.chars, limit):
            yield f"duplicated_{n}_n_grams"
    if not found.lines:
        yield "empty"
    if under(found.terminal_lines, found.lines, rules.min_terminal_lines):
        yield "line_punct_ratio"
    if over(found.repeated_line_chars, found.chars - found.newlines, rules.max_repeated_line_chars):
        yield "char_dup_ratio"
    if over(found.newlines, found.words, rules.max_newlines):
        yield "list_ratio"
    if rules.min_words is not None and found.no_symbols < rules.min_words:
        yield "gopher_short_doc"
    if rules.max_words is not None and found.no_symbols > rules.max_words:
        yield "gopher_long_doc"
    if found.no_symbols and under(found.no_symbol_chars, found.no_symbols, rules.min_length):
        yield "gopher_below_avg_threshold"
    if found.no_symbols and over(found.no_symbol_chars, found.no_symbols, rules.max_length):
        yield "gopher_above_avg_threshold"
    if over(found.hashes, found.words, rules.max_symbols):
        yield "gopher_too_many_hashes"
    if over(found.ellipses, found.words, rules.max_symbols):
        yield "gopher_too_many_ellipsis"
    if over(found.bullet_rows, found.rows, rules.max_bullets):
        yield "gopher_too_many_bullets"
    if over(found.ellipsis_rows, found.rows, rules.max_ellipsis_lines):
        yield "gopher_too_many_end_ellipsis"
    if under(found.letter_words, found.words, rules.min_letter_words):
        yield "gopher_below_alpha_threshold"
    if rules.min_stop_words is not None and found.stop_words < rules.min_stop_words:
        yield "gopher_enough_stop_words"


@cache
def fineweb_2() -> dict[str, Thresholds]:
    """FineWeb-2's rules by language label: ten varieties of Arabic."""
    data: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "fineweb_2.json").read_bytes())
    return {
        language: Thresholds(
            max_repeated_lines=given["dup_line_frac"],
            max_top_n_grams=tuple(given["top_n_grams"]),
            max_repeated_n_grams=tuple(given["dup_n_grams"]),
            min_terminal_lines=given["line_punct_thr"],
            max_repeated_line_chars=0.1,
            max_newlines=given["new_line_ratio"],
            min_words=50,
            max_words=100_000,
            min_length=given["min_avg_word_length"],
            max_length=given["max_avg_word_length"],
            max_symbols=0.1,
            max_bullets=0.9,
            max_ellipsis_lines=0.3,
            min_letter_words=given["min_alpha_words_ratio"],
            min_stop_words=2,
            stop_words=tuple(given["stop_words"]),
        )
        for language, given in data.items()
    }


CLASSICAL = Thresholds(
    max_repeated_lines=0.5,
    max_top_n_grams=(0.25, 0.25, 0.3),
    max_repeated_n_grams=(0.3, 0.28, 0.26, 0.24, 0.22, 0.2),
    max_repeated_line_chars=0.2,
    min_words=10,
    min_length=2,
    max_length=12,
    max_symbols=0.1,
    max_bullets=0.9,
    max_ellipsis_lines=0.3,
    min_letter_words=0.4,
)
"""Books: formulas and chains of transmitters repeat, many lines end without punctuation, vowel marks lengthen words
and hide stop words, editions are full of punctuation, and a book may be long."""

MATH = replace(
    CLASSICAL, min_words=20, max_length=10, max_newlines=0.5, min_letter_words=0.35, max_top_n_grams=(0.25, 0.25, 0.25)
)
"""Formulas are words without letters, and repeat."""

VERSE = replace(
    CLASSICAL,
    max_top_n_grams=(0.35, 0.35, 0.35),
    max_repeated_n_grams=(0.4, 0.38, 0.36, 0.34, 0.32, 0.3),
    max_repeated_line_chars=0.4,
    max_symbols=None,
    max_ellipsis_lines=None,
    min_letter_words=0.5,
)
"""A refrain comes back, and ellipses stand between half-lines."""

STORIES = replace(
    CLASSICAL,
    max_repeated_lines=0.3,
    max_top_n_grams=(0.2, 0.18, 0.16),
    max_repeated_n_grams=(0.15, 0.14, 0.13, 0.12, 0.11, 0.1),
    max_repeated_line_chars=0.1,
    min_words=20,
    max_words=20_000,
    max_length=10,
    max_bullets=0.5,
    min_letter_words=0.7,
)
"""Gopher's own limits for repetition (table A1 of arXiv:2112.11446): a generated story fails by repeating itself."""
