"""Cleaning as a step of a datatrove pipeline: texts are normalised in batches, and every change is counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.cleaning.code_points import STEPS
from corpora.cleaning.normalisation import LONG, Normalisation, normalise_texts
from corpora.document_counts import NORMALISED, DocumentCounter
from corpora.languages import is_arabic
from corpora.sources.base import Source
from corpora.utf8 import utf8_size

_BATCH = 1 << 17
"""Code points that are cleaned in one batch; a longer document is a batch of its own."""


class Clean(PipelineStep):  # type: ignore[misc]
    """Normalise the text of every document by the profile of its source; drop documents that become empty."""

    type = "FORMAT"
    name = "arcorp clean"

    def __init__(self, source: Source, options: Normalisation, counter: DocumentCounter) -> None:
        super().__init__()
        self.source, self.options, self.counter = source, options, counter

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """The documents, cleaned in place."""
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

    def _clean(self, batch: list[Document]) -> list[Document]:
        """The documents of a batch that are not empty then."""
        empty: set[int] = set()
        kinds: dict[bool, list[int]] = {}
        for place, document in enumerate(batch):
            kinds.setdefault(is_arabic(document.metadata["language"]), []).append(place)
        for arabic, places in kinds.items():
            texts = [batch[place].text for place in places]
            now, lost, touched = normalise_texts(texts, arabic, self.options, self.source.cleaning)
            for step, count in zip(STEPS, touched.sum(0).tolist(), strict=True):
                if count:
                    self.counter.count_changed(step, count)
            self.counter.count_removed(NORMALISED, *lost.clip(min=0).sum(0).tolist())
            self.counter.count_removed(NORMALISED, *lost.clip(max=0).sum(0).tolist())
            for number in np.flatnonzero(touched.any(1)).tolist():
                document, text = batch[places[number]], now[number]
                document.text = text
                if not text or text.isspace():
                    self.counter.count_dropped("empty after cleaning", utf8_size(text), len(text), document)
                    empty.add(places[number])
        return [document for place, document in enumerate(batch) if place not in empty]
