"""Quality rules for running text: thresholds on the counts of `corpora.quality.statistics`.

The rules, their order and their names are those of the GopherRepetition, FineWebQuality and GopherQuality filters of
datatrove 0.10.1. FineWeb-2 runs them in this order (huggingface/fineweb-2: fineweb-2-pipeline.py; the thresholds of
each variety are in configs/*.yml, copied to `data/fineweb_2.json`). The other profiles are the same rules with
arcorp's own thresholds. docs/quality.md reports how much each profile keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from corpora.quality.statistics import Statistics


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Thresholds of the rules, in the order in which they are applied. None disables a rule.

    max_repeated_lines        repeated pieces ÷ pieces
    max_top_n_grams           characters of the most frequent 2-, 3-, 4-gram ÷ characters
    min_top_count             smallest count of such an n-gram that matters; 1 as in datatrove, where an n-gram that
                              occurs once counts as repeated
    max_repeated_n_grams      characters in repeated 5- to 10-grams ÷ characters
    min_terminal_lines        lines that end with terminal punctuation ÷ lines
    max_repeated_line_chars   characters in repeated lines ÷ characters
    max_newlines              line feeds ÷ words
    min_words, max_words      number of words that are not symbols
    min_length, max_length    mean length of these words, in characters
    max_hashes                characters # ÷ words
    max_ellipses              ellipses ÷ words
    max_bullets               rows that begin with a bullet ÷ rows
    max_ellipsis_lines        rows that end with an ellipsis ÷ rows
    min_letter_words          words with a letter ÷ words
    min_stop_words            number of different words of `stop_words`
    skip_furniture            a text that fails is measured again without page furniture (`corpora.quality.furniture`)

    `corpora.quality.statistics.Statistics` defines pieces, lines, rows and symbols.
    """

    max_repeated_lines: float | None = None
    max_top_n_grams: tuple[float, ...] | None = None
    min_top_count: int = 1
    max_repeated_n_grams: tuple[float, ...] | None = None
    min_terminal_lines: float | None = None
    max_repeated_line_chars: float | None = None
    max_newlines: float | None = None
    min_words: int | None = None
    max_words: int | None = None
    min_length: float | None = None
    max_length: float | None = None
    max_hashes: float | None = None
    max_ellipses: float | None = None
    max_bullets: float | None = None
    max_ellipsis_lines: float | None = None
    min_letter_words: float | None = None
    min_stop_words: int | None = None
    stop_words: tuple[str, ...] = ()
    skip_furniture: bool = False


def failed_rule(counts: Statistics, rules: Thresholds) -> str:
    """Return the first rule that a text fails, by datatrove's name of it; "" if the text passes all."""
    return next(_failed_rules(counts, rules), "")


def _failed_rules(counts: Statistics, rules: Thresholds) -> Iterator[str]:
    """Yield the names of the rules that a text fails, in order."""

    def over(count: float, whole: float, limit: float | None) -> bool:
        return limit is not None and count / whole > limit

    def under(count: float, whole: float, limit: float | None) -> bool:
        return limit is not None and count / whole < limit

    if not counts.chars:
        yield "empty"
    if over(counts.repeated_pieces, counts.pieces, rules.max_repeated_lines):
        yield "dup_line_frac"
    tops = zip(counts.top, counts.top_counts, rules.max_top_n_grams or (), strict=False)
    for n, (chars, count, limit) in enumerate(tops, 2):
        if count >= rules.min_top_count and over(chars, counts.chars, limit):
            yield f"top_{n}_gram"
    for n, (count, limit) in enumerate(zip(counts.repeated, rules.max_repeated_n_grams or (), strict=False), 5):
        if over(count, counts.chars, limit):
            yield f"duplicated_{n}_n_grams"
    if not counts.lines:
        yield "empty"
    if under(counts.terminal_lines, counts.lines, rules.min_terminal_lines):
        yield "line_punct_ratio"
    if over(counts.repeated_line_chars, counts.chars - counts.newlines, rules.max_repeated_line_chars):
        yield "char_dup_ratio"
    if over(counts.newlines, counts.words, rules.max_newlines):
        yield "list_ratio"
    if rules.min_words is not None and counts.no_symbols < rules.min_words:
        yield "gopher_short_doc"
    if rules.max_words is not None and counts.no_symbols > rules.max_words:
        yield "gopher_long_doc"
    if counts.no_symbols and under(counts.no_symbol_chars, counts.no_symbols, rules.min_length):
        yield "gopher_below_avg_threshold"
    if counts.no_symbols and over(counts.no_symbol_chars, counts.no_symbols, rules.max_length):
        yield "gopher_above_avg_threshold"
    if over(counts.hashes, counts.words, rules.max_hashes):
        yield "gopher_too_many_hashes"
    if over(counts.ellipses, counts.words, rules.max_ellipses):
        yield "gopher_too_many_ellipsis"
    if over(counts.bullet_rows, counts.rows, rules.max_bullets):
        yield "gopher_too_many_bullets"
    if over(counts.ellipsis_rows, counts.rows, rules.max_ellipsis_lines):
        yield "gopher_too_many_end_ellipsis"
    if under(counts.letter_words, counts.words, rules.min_letter_words):
        yield "gopher_below_alpha_threshold"
    if rules.min_stop_words is not None and counts.stop_words < rules.min_stop_words:
        yield "gopher_enough_stop_words"


@cache
def fineweb_2() -> dict[str, Thresholds]:
    """Return FineWeb-2's thresholds by language label, for ten varieties of Arabic."""
    data: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "data" / "fineweb_2.json").read_bytes())
    return {
        language: Thresholds(
            max_repeated_lines=thresholds["dup_line_frac"],
            max_top_n_grams=tuple(thresholds["top_n_grams"]),
            max_repeated_n_grams=tuple(thresholds["dup_n_grams"]),
            min_terminal_lines=thresholds["line_punct_thr"],
            max_repeated_line_chars=0.1,
            max_newlines=thresholds["new_line_ratio"],
            min_words=50,
            max_words=100_000,
            min_length=thresholds["min_avg_word_length"],
            max_length=thresholds["max_avg_word_length"],
            max_hashes=0.1,
            max_ellipses=0.1,
            max_bullets=0.9,
            max_ellipsis_lines=0.3,
            min_letter_words=thresholds["min_alpha_words_ratio"],
            min_stop_words=2,
            stop_words=tuple(thresholds["stop_words"]),
        )
        for language, thresholds in data.items()
    }


NEAREST: Mapping[str, str] = {
    "ajp_Arab": "apc_Arab",  # South Levantine, a part of apc since 2023
    "acy_Arab": "apc_Arab",  # Cyprus
    "avl_Arab": "apc_Arab",  # eastern Egypt, Sinai, Jordan
    "acw_Arab": "ars_Arab",  # Hijaz
    "afb_Arab": "ars_Arab",  # the Gulf
    "abv_Arab": "ars_Arab",  # Bahrain
    "acx_Arab": "ars_Arab",  # Oman
    "adf_Arab": "ars_Arab",  # Dhofar
    "ssh_Arab": "ars_Arab",  # Shihhi
    "acq_Arab": "ars_Arab",  # Taizz and Aden
    "ayh_Arab": "ars_Arab",  # Hadramawt
    "ayn_Arab": "ars_Arab",  # Sanaa
    "aec_Arab": "arz_Arab",  # Upper Egypt
    "apd_Arab": "arz_Arab",  # Sudan
    "pga_Arab": "arz_Arab",  # Juba
    "ayl_Arab": "aeb_Arab",  # Libya
    "aao_Arab": "arq_Arab",  # the Algerian Sahara
}
"""Varieties of Arabic without thresholds in FineWeb-2 -> the nearest variety with thresholds, by ISO 639-3 region and
family. Others (the Arabic of Central Asia, and `ara`) use those of standard Arabic."""


CLASSICAL = Thresholds(
    max_repeated_lines=0.5,
    max_top_n_grams=(0.25, 0.25, 0.3),
    min_top_count=2,
    max_repeated_n_grams=(0.3, 0.28, 0.26, 0.24, 0.22, 0.2),
    max_repeated_line_chars=0.2,
    min_words=10,
    min_length=2,
    max_length=12,
    max_hashes=0.1,
    max_ellipses=0.1,
    max_ellipsis_lines=0.3,
    min_letter_words=0.4,
    skip_furniture=True,
)
"""Books. Formulas and chains of transmitters repeat. A chapter may be a list with hyphens. Many lines end without
punctuation. Vowel marks lengthen words and prevent matches of stop words. Editions have much punctuation. A book may
be long."""

REFERENCE = replace(
    CLASSICAL,
    max_top_n_grams=(0.4, 0.4, 0.4),
    min_top_count=3,
    max_repeated_n_grams=(0.4, 0.38, 0.36, 0.34, 0.32, 0.3),
    min_words=2,
    max_length=14,
    max_ellipses=None,
    max_ellipsis_lines=None,
    min_letter_words=0.25,
)
"""Entries: hadiths, aphorisms, articles of a dictionary, a line of tafsir. An entry may be one sentence of two words,
a list with hyphens, or a quotation that ends with an ellipsis; references to volume and page are words without
letters."""

DIALECT = replace(
    CLASSICAL,
    max_repeated_lines=0.4,
    max_top_n_grams=(0.5, 0.4, 0.4),
    min_top_count=3,
    max_repeated_n_grams=(0.35, 0.33, 0.3, 0.28, 0.26, 0.24),
    min_words=2,
    max_length=15,
    max_hashes=0.6,
    max_ellipses=0.6,
    max_ellipsis_lines=None,
    min_letter_words=0.5,
)
"""Social and short text: a tweet, a sentence, a story in a dialect. Words are drawn out, hashtags and ellipses are
usual, and two words are a sentence."""

MATH = replace(
    CLASSICAL, min_words=20, max_length=10, max_newlines=0.5, min_letter_words=0.35, max_top_n_grams=(0.25, 0.25, 0.25)
)
"""Worked problems. Formulas are words without letters, and they repeat."""

VERSE = replace(
    CLASSICAL,
    max_top_n_grams=(0.35, 0.35, 0.35),
    max_repeated_n_grams=(0.4, 0.38, 0.36, 0.34, 0.32, 0.3),
    max_repeated_line_chars=0.4,
    max_hashes=None,
    max_ellipses=None,
    max_ellipsis_lines=None,
    min_letter_words=0.5,
)
"""Poems. Refrains repeat, and ellipses separate half-lines."""

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
"""Generated stories, whose main defect is repetition. The limits of repetition are Gopher's (table A1 of
arXiv:2112.11446)."""
