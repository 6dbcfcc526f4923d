"""datatrove's own three filters, as FineWeb-2 sets them: what `corpora.quality.text_rules` is held against."""

from datatrove.data import Document
from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
from datatrove.pipeline.filters.base_filter import BaseFilter

from corpora.quality.text_rules import Thresholds


def filters(language: str, rules: Thresholds) -> list[BaseFilter]:
    """The filters in FineWeb-2's order."""
    return [
        GopherRepetitionFilter(
            language=language,
            dup_para_frac=0,
            dup_line_char_frac=0,
            dup_para_char_frac=0,
            dup_line_frac=rules.max_repeated_lines,
            top_n_grams=list(zip((2, 3, 4), rules.max_top_n_grams, strict=True)),
            dup_n_grams=list(zip(range(5, 11), rules.max_repeated_n_grams, strict=True)),
        ),
        FineWebQualityFilter(
            language=language,
            short_line_thr=999,
            char_duplicates_ratio=0.1,
            line_punct_thr=rules.min_terminal_lines,
            new_line_ratio=rules.max_newlines,
        ),
        GopherQualityFilter(
            language=language,
            min_avg_word_length=rules.min_length,
            max_avg_word_length=rules.max_length,
            stop_words=list(rules.stop_words),
            max_non_alpha_words_ratio=rules.min_letter_words,
            min_stop_words=2,
        ),
    ]


def reason(text: str, chain: list[BaseFilter]) -> str:
    """The reason of the first filter that drops a text, "" if none does."""
    document = Document(text=text, id="")
    for step in chain:
        decision = step.filter(document)
        if decision is not True:
            return decision[1]
    return ""
