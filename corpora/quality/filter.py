"""Quality filter: limits of length, and a profile of rules for each category of documents. The profiles:

    none        keeps everything
    web         FineWeb-2's rules with its thresholds for each variety of Arabic; varieties without thresholds use
                those of standard Arabic; text that is not Arabic passes
    classical, math, verse, stories
                the same rules with thresholds for such text
    code        licence, vendored, generated, minified, lines (`corpora.quality.code_rules`)

A source has a profile of its own (`Source.quality_profile`) or uses that of the category (`BY_CATEGORY`).

The filter is a step of a datatrove pipeline; dropped documents are counted by reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.document_counts import DocumentCounter
from corpora.languages import is_arabic
from corpora.quality import code_rules
from corpora.quality.text_rules import CLASSICAL, MATH, STORIES, VERSE, Thresholds, failed_rule, fineweb_2
from corpora.sources.base import Quality, Source
from corpora.utf8 import utf8_size

STANDARD = "arb_Arab"

BY_CATEGORY: Mapping[str, Quality] = {
    "arabic": "web",
    "classical": "classical",
    "english": "none",
    "code": "code",
    "math": "math",
}
"""Profile of each category, for sources without a profile. English sources are already filtered."""

_RULES: Mapping[Quality, Thresholds] = {"classical": CLASSICAL, "math": MATH, "verse": VERSE, "stories": STORIES}


@dataclass(frozen=True, slots=True)
class Limits:
    """Smallest and largest length of a document in code points, both inclusive; None sets no limit."""

    min_chars: int | None = None
    max_chars: int | None = None


def profiles_of(source: Source, option: Quality | Literal["source"] = "source") -> dict[str, Quality]:
    """Return the profile of each category. `option`: one profile for all, or "source" for the profile of the source.

    A source without a profile has that of the category (`BY_CATEGORY`).
    """
    return {
        category: (source.quality_profile or default) if option == "source" else option
        for category, default in BY_CATEGORY.items()
    }


def thresholds_of(profile: Quality, language: str) -> Thresholds | None:
    """Return the thresholds of a profile for text in a language ("arb_Arab"); None if all text passes."""
    if profile == "web":
        rules = fineweb_2()
        return rules.get(language) or (rules[STANDARD] if is_arabic(language) else None)
    return _RULES.get(profile)


class Filter(PipelineStep):  # type: ignore[misc]
    """Keep the documents that are within the limits and pass the profile of their category.

    limits: smallest and largest length. counter: counts dropped documents by reason.
    profiles: profile of each category; categories without one are kept.
    aside: receives the dropped documents, with the reason in their metadata as `filter_reason`; None discards them.
    """

    type = "FILTER"
    name = "arcorp quality"

    def __init__(
        self,
        limits: Limits,
        counter: DocumentCounter,
        profiles: Mapping[str, Quality] | None = None,
        aside: list[Document] | None = None,
    ) -> None:
        super().__init__()
        self.limits, self.counter, self.profiles, self.aside = limits, counter, dict(profiles or {}), aside
        self._meter: Any = None

    def filter(self, document: Document) -> bool | tuple[bool, str]:
        """Return True to keep a document, or (False, reason) to drop it."""
        chars = len(document.text)
        if self.limits.min_chars is not None and chars < self.limits.min_chars:
            return False, "too short"
        if self.limits.max_chars is not None and chars > self.limits.max_chars:
            return False, "too long"
        columns = document.metadata
        profile = self.profiles.get(columns.get("category", ""), "none")
        if profile == "none":
            return True
        if profile == "code":
            path = str(columns.get("metadata", {}).get("path", ""))
            reason = code_rules.failed_rule(document.text, path, columns["license"])
        else:
            rules = thresholds_of(profile, columns["language"])
            reason = "" if rules is None else failed_rule(self._measure(document.text, rules), rules)
        return (False, reason) if reason else True

    def _measure(self, text: str, rules: Thresholds) -> Any:
        if self._meter is None:  # created in the worker, so that its buffers are not pickled
            from corpora.quality.statistics import Meter

            self._meter = Meter()
        return self._meter(text, rules.stop_words)

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
