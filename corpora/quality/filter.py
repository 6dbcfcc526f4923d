"""Quality filter: limits of length, and a profile of rules for each document. The profiles:

    none        keeps everything
    web         FineWeb-2's rules with its thresholds for each variety of Arabic; a variety without thresholds uses
                those of its nearest relative (`corpora.quality.text_rules.NEAREST`); text that is not Arabic passes
    classical, reference, verse, dialect, stories, math
                the same rules with thresholds for such text; n-grams that occur once, and page furniture, do not count
    code        licence, vendored, generated, minified, lines (`corpora.quality.code_rules`)

A source has a profile for each of its documents (`Source.profile_of`) or uses that of the category (`BY_CATEGORY`).

The filter is a step of a datatrove pipeline; dropped documents are counted by reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.document_counts import DocumentCounter
from corpora.languages import is_arabic
from corpora.quality import code_rules
from corpora.quality.classifier import REASON, Classifier
from corpora.quality.furniture import without_furniture
from corpora.quality.text_rules import (
    CLASSICAL,
    DIALECT,
    MATH,
    NEAREST,
    REFERENCE,
    STORIES,
    VERSE,
    Thresholds,
    failed_rule,
    fineweb_2,
)
from corpora.sources.base import Quality, Source
from corpora.utf8 import utf8_size

STANDARD = "arb_Arab"

BY_CATEGORY: Mapping[str, Quality] = {
    "arabic": "web",
    "classical": "classical",
    "english": "none",
    "code": "code",
    "math": "math",
    "chat": "none",
}
"""Profile of each category, for sources without a profile. English sources are already filtered."""

_RULES: Mapping[Quality, Thresholds] = {
    "classical": CLASSICAL,
    "reference": REFERENCE,
    "verse": VERSE,
    "dialect": DIALECT,
    "stories": STORIES,
    "math": MATH,
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Smallest and largest length of a document in code points, both inclusive; None sets no limit."""

    min_chars: int | None = None
    max_chars: int | None = None


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profile of each document.

    source: gives the profile of its documents. option: one profile for all documents, or "source" for the source's.
    Conversations have the source's: no rules of web pages apply to them.
    """

    source: Source
    option: Quality | Literal["source"] = "source"

    def __call__(self, columns: Mapping[str, Any]) -> Quality:
        """Return the profile of a document, given its columns (category, language, metadata, ...)."""
        if self.option != "source" and columns["category"] != "chat":
            return self.option
        return self.source.profile_of(columns) or BY_CATEGORY[columns["category"]]


def thresholds_of(profile: Quality, language: str) -> Thresholds | None:
    """Return the thresholds of a profile for text in a language ("arb_Arab"); None if all text passes."""
    if profile == "web":
        rules = fineweb_2()
        near = rules.get(NEAREST.get(language, language))
        return near or (rules[STANDARD] if is_arabic(language) else None)
    return _RULES.get(profile)


class Filter(PipelineStep):  # type: ignore[misc]
    """Keep the documents that are within the limits and pass their profile.

    limits: smallest and largest length. counter: counts dropped documents by reason.
    profile: gives the profile of a document from its columns, as `Profiles`; None keeps all.
    aside: receives the dropped documents, with the reason in their metadata as `filter_reason`; None discards them.
    classifier: decides about the documents that pass, and writes its scores to their metadata as `classifier`; None
    keeps them.
    """

    type = "FILTER"
    name = "arcorp quality"

    def __init__(
        self,
        limits: Limits,
        counter: DocumentCounter,
        profile: Callable[[Mapping[str, Any]], Quality] | None = None,
        aside: list[Document] | None = None,
        classifier: Classifier | None = None,
    ) -> None:
        super().__init__()
        self.limits, self.counter, self.profile, self.aside = limits, counter, profile, aside
        self.classifier = classifier
        self._meter: Any = None

    def filter(self, document: Document) -> bool | tuple[bool, str]:
        """Return True to keep a document, or (False, reason) to drop it."""
        chars = len(document.text)
        if self.limits.min_chars is not None and chars < self.limits.min_chars:
            return False, "too short"
        if self.limits.max_chars is not None and chars > self.limits.max_chars:
            return False, "too long"
        reason = self._failed_profile(document) or self._failed_classifier(document)
        return (False, reason) if reason else True

    def _failed_profile(self, document: Document) -> str:
        columns = document.metadata
        profile = self.profile(columns) if self.profile else "none"
        if profile == "code":
            path = str(columns.get("metadata", {}).get("path", ""))
            return code_rules.failed_rule(document.text, path, columns["license"])
        rules = None if profile == "none" else thresholds_of(profile, columns["language"])
        return "" if rules is None else self._failed_rule(document.text, rules)

    def _failed_classifier(self, document: Document) -> str:
        if self.classifier is None:
            return ""
        kept, scores = self.classifier(document.text)
        if scores:
            document.metadata["metadata"] = {**document.metadata["metadata"], REASON: scores}
        return "" if kept else REASON

    def _failed_rule(self, text: str, rules: Thresholds) -> str:
        if self._meter is None:  # created in the worker, so that its buffers are not pickled
            from corpora.quality.statistics import Meter

            self._meter = Meter()
        reason = failed_rule(self._meter(text, rules.stop_words), rules)
        if reason and rules.skip_furniture:
            reason = failed_rule(self._meter(without_furniture(text), rules.stop_words), rules)
        return reason

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Yield the documents that are kept, in order. Empties `aside` first.

        `rank` and `world_size` are part of datatrove's interface and are not used.
        """
        if self.aside is not None:
            self.aside.clear()
        for document in data:
            decision = self.filter(document)
            if not isinstance(decision, tuple):
                yield document
                continue
            self.counter.count_dropped(decision[1], utf8_size(document.text), len(document.text), document)
            if self.aside is not None:
                document.metadata["metadata"] = {**document.metadata["metadata"], "filter_reason": decision[1]}
                self.aside.append(document)
