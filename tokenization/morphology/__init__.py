"""The morphology of Arabic words: segmenters, their scores against gold, and the alignment of tokens with morphemes.

Used by tokenizer training, by the fertility report and by `arcorp tokenizer segment`. The learned segmenter and its
training need numba, so these two names are imported on first use.
"""

from typing import TYPE_CHECKING, Any

from tokenization.morphology.alignment import align, segment_words
from tokenization.morphology.camel import CamelSegmenter, database_path, spell_analysis
from tokenization.morphology.choose import open_segmenter
from tokenization.morphology.conventions import convention_of, error_kinds, to_clitics
from tokenization.morphology.gold import Score, read_gold, score
from tokenization.morphology.rules import RuleSegmenter
from tokenization.morphology.segmenter import WORD, Boundaries, Segmenter, bare, segments, word_boundaries
from tokenization.morphology.weights import shipped_weights

if TYPE_CHECKING:
    from tokenization.morphology.learned import LearnedSegmenter
    from tokenization.morphology.train_learned import train_segmenter

__all__ = [
    "WORD",
    "Boundaries",
    "CamelSegmenter",
    "LearnedSegmenter",
    "RuleSegmenter",
    "Score",
    "Segmenter",
    "align",
    "bare",
    "convention_of",
    "database_path",
    "error_kinds",
    "open_segmenter",
    "read_gold",
    "score",
    "segment_words",
    "segments",
    "shipped_weights",
    "spell_analysis",
    "to_clitics",
    "train_segmenter",
    "word_boundaries",
]


def __getattr__(name: str) -> Any:
    """Import the names that need numba."""
    if name == "LearnedSegmenter":
        from tokenization.morphology.learned import LearnedSegmenter

        return LearnedSegmenter
    if name == "train_segmenter":
        from tokenization.morphology.train_learned import train_segmenter

        return train_segmenter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
