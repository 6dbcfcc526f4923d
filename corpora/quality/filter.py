"""Which documents are worth keeping: how long they may be, and the profile of rules for their kind of text.

    none        everything
    web         FineWeb-2's rules, with its thresholds for the variety of Arabic; another variety's text is held to
                standard Arabic's, and text that is not Arabic passes
    classical, math, verse, stories
                the same rules with thresholds for such text
    code        licence, vendored, generated, minified, lines (`corpora.quality.code_rules`)

A source names the profile that its text asks for (`Source.quality`), or leaves it to the category.

A datatrove filter step: `filter` says True, or False with the reason, which is counted.
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
"""The profile of a category, where the source names none. English sources come filtered."""

_RULES: Mapping[Quality, Thresholds] = {"classical": CLASSICAL, "math": MATH, "verse": VERSE, "stories": STORIES}


@dataclass(frozen=True, slots=True)
class Limits:
    """Code points that a document must have at least, and may have at most; None sets no limit."""

    min_chars: int | None = None
    max_chars: int | None = None


def profiles_of(source: Source, asked: Quality | Literal["source"] = "source") -> dict[str, Quality]:
    """The profile of each category of a source's documents: the one asked for, or the source's own."""
    return {
        category: (source.quality_profile or usual) if asked == "source" else asked
        for category, usual in BY_CATEGORY.items()
    }


def thresholds_of(profile: Quality, language: str) -> Thresholds | None:
    """The rules for running text in a language; None: none are asked."""
    if profile == "web":
        rules = fineweb_2()
        return rules.get(language) or (rules[STANDARD] if is_arabic(language) else None)
    return _RULES.get(profile)


class Filter(PipelineStep):  # type: ignore[misc]
    """Documents within the limits, and good by their category's profile, go on; the others are dropped, counted by
    reason, and with `aside` put there, the reason in their metadata as `filter_reason`."""

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
        """Whether a document stays, or (False, reason)."""
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
        if self._meter is None:  # made where it runs: its room does not travel to workers
            from corpora.quality.statistics import Meter

            self._meter = Meter()
        return self._meter(text, rules.stop_words)

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """The documents that stay."""
        if self.aside is not None:
            self.aside.clear()
        for document in data:
            verdict = self.filter(document)
            if not isinstance(verdict, tuple):
                yield document
                continue
            self.counter.count_dropped(verdict[1], utf8_size(document.text), len(document.text), document)
            if self.aside is not None:
                document.metadata["metadata"] = {**document.metadata["metadata"], "filter_reason": verdict[1]}
                self.aside.append(document)
