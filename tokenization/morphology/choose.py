"""Segmenters by name. Only the modules that the chosen segmenter needs are imported."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from tokenization.errors import OptionError
from tokenization.morphology.camel import CamelSegmenter, database_path
from tokenization.morphology.rules import RuleSegmenter
from tokenization.morphology.segmenter import Segmenter
from tokenization.options import SEGMENTERS

_NO_WORDS: Mapping[str, int] = MappingProxyType({})


def open_segmenter(name: str, words: Mapping[str, int] = _NO_WORDS, database: str | None = None) -> Segmenter:
    """Return the segmenter of that name: one of `options.SEGMENTERS`.

    `words` and `database` are used by `camel` only. `words` maps each bare word of the corpus to its count; analyses
    are weighted by it. `database` is a name or a path, see `camel.database_path`. Words without an analysis are
    segmented by `learned`.

    Raises OptionError for an unknown name, SegmenterError for a missing database or package.
    """
    if name == "rules":
        return RuleSegmenter()
    if name in ("learned", "camel"):
        from tokenization.morphology.learned import LearnedSegmenter  # numba: 0.4 s

        if name == "learned":
            return LearnedSegmenter.shipped()
        return CamelSegmenter(database_path(database), words, LearnedSegmenter.shipped())
    raise OptionError(f"segmenter = {name!r}: choose one of {', '.join(SEGMENTERS)}")
