"""Measures of a tokenizer: token counts on texts, figures made from them, and the contents of its vocabulary.

Used by the build report and by `arcorp fertility`. Training, which needs numba, is imported by `train_sizes` only.
"""

from tokenization.evaluation.fertility import (
    FIGURES,
    RATIOS,
    compare,
    figures,
    intervals,
    report,
    report_of_counters,
    tokens_per_word,
    view_tokens,
    words_split,
)
from tokenization.evaluation.inventory import describe_vocabulary, script_of
from tokenization.evaluation.token_counts import UNITS, TokenCounter, measure
from tokenization.evaluation.vocab_curve import train_sizes, vocabulary_curve

__all__ = [
    "FIGURES",
    "RATIOS",
    "UNITS",
    "TokenCounter",
    "compare",
    "describe_vocabulary",
    "figures",
    "intervals",
    "measure",
    "report",
    "report_of_counters",
    "script_of",
    "tokens_per_word",
    "train_sizes",
    "view_tokens",
    "vocabulary_curve",
    "words_split",
]
