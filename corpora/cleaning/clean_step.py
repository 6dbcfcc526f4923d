"""Normalisation as a step of a datatrove pipeline. Texts are normalised in batches; every change is counted.

Of a conversation each part is normalised, so that its turns begin and end where they did. Calls, code and the output
of code stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.cleaning.code_points import STEPS
from corpora.cleaning.normalisation import LONG, Normalisation, normalise_texts
from corpora.cleaning.passes import StepCounts
from corpora.cleaning.turns import prose_of, replace_prose
from corpora.document_counts import NORMALISED, DocumentCounter
from corpora.languages import is_arabic
from corpora.sources.base import Source
from corpora.utf8 import utf8_size

_BATCH = 1 << 17
"""Code points in one batch. A document longer than `LONG` is a batch of its own."""


class Clean(PipelineStep):  # type: ignore[misc]
    """Normalise the text of every document by the profile of its source. Drop documents that become empty.

    source: gives the cleaning profile. options: see `Normalisation`. counter: counts changed characters by step,
    removed bytes and characters, and dropped documents.
    """

    type = "FORMAT"
    name = "arcorp clean"

    def __init__(self, source: Source, options: Normalisation, counter: DocumentCounter) -> None:
        super().__init__()
        self.source, self.options, self.counter = source, options, counter

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Yield the documents, normalised in place and in order, without those that became empty.

        `rank` and `world_size` are part of datatrove's interface and are not used.
        """
        batch: list[Document] = []
        chars = 0
        for document in data:
            if len(document.text) > LONG:
                yield from self._clean(batch)
                batch, chars = [], 0
            batch.append(document)
            chars += len(document.text)
            if chars > _BATCH:
                yield from self._clean(batch)
                batch, chars = [], 0
        yield from self._clean(batch)

    def _normalised(self, texts: list[str], arabic: bool) -> tuple[list[str], StepCounts, StepCounts]:
        """Normalise texts, of which a long one is alone."""
        if len(texts) < 2 or max(map(len, texts)) <= LONG:
            return normalise_texts(texts or [""], arabic, self.options, self.source.cleaning)
        results = [normalise_texts([text], arabic, self.options, self.source.cleaning) for text in texts]
        counts = (np.concatenate([result[index] for result in results]) for index in (1, 2))
        removed, touched = counts
        return [result[0][0] for result in results], removed, touched

    def _clean(self, batch: list[Document]) -> list[Document]:
        """Normalise a batch in place; return its documents that are not empty afterwards."""
        empty: set[int] = set()
        indices_by_arabic: dict[bool, list[int]] = {}
        for index, document in enumerate(batch):
            indices_by_arabic.setdefault(is_arabic(document.metadata["language"]), []).append(index)
        for arabic, indices in indices_by_arabic.items():
            texts = [text for index in indices for text in prose_of(batch[index])]
            normalised, removed, touched = self._normalised(texts, arabic)
            for step, count in zip(STEPS, touched.sum(0).tolist(), strict=True):
                if count:
                    self.counter.count_changed(step, count)
            self.counter.count_removed(NORMALISED, *removed.clip(min=0).sum(0).tolist())
            self.counter.count_removed(NORMALISED, *removed.clip(max=0).sum(0).tolist())
            changed, first = np.any(touched, axis=1).tolist(), 0
            for index in indices:
                document = batch[index]
                own = slice(first, first := first + len(prose_of(document)))
                if any(changed[own]) and (reason := replace_prose(document, normalised[own], self.counter)):
                    text = document.text
                    self.counter.count_dropped(reason, utf8_size(text), len(text), document)
                    empty.add(index)
        return [document for index, document in enumerate(batch) if index not in empty]
