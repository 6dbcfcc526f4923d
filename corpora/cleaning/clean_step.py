"""Normalisation as a step of a datatrove pipeline. Texts are normalised in batches; every change is counted."""

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

    def _clean(self, batch: list[Document]) -> list[Document]:
        """Normalise a batch in place; return its documents that are not empty afterwards."""
        empty: set[int] = set()
        indices_by_arabic: dict[bool, list[int]] = {}
        for index, document in enumerate(batch):
            indices_by_arabic.setdefault(is_arabic(document.metadata["language"]), []).append(index)
        for arabic, indices in indices_by_arabic.items():
            texts = [batch[index].text for index in indices]
            normalised, removed, touched = normalise_texts(texts, arabic, self.options, self.source.cleaning)
            for step, count in zip(STEPS, touched.sum(0).tolist(), strict=True):
                if count:
                    self.counter.count_changed(step, count)
            self.counter.count_removed(NORMALISED, *removed.clip(min=0).sum(0).tolist())
            self.counter.count_removed(NORMALISED, *removed.clip(max=0).sum(0).tolist())
            for number in np.flatnonzero(touched.any(1)).tolist():
                document, text = batch[indices[number]], normalised[number]
                document.text = text
                if not text or text.isspace():
                    self.counter.count_dropped("empty after cleaning", utf8_size(text), len(text), document)
                    empty.add(indices[number])
        return [document for index, document in enumerate(batch) if index not in empty]
