"""The first step of a datatrove pipeline: rank k reads unit k of a source.

datatrove's own readers share out whole files by rank, so that what a task reads depends on how many tasks there are;
here the units are fixed beforehand and a pipeline runs as many tasks as there are units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput
from corpora.sources.base import Source, Unit


class Reader(PipelineStep):  # type: ignore[misc]
    """Documents of `units[rank]`, counted in `counter`, which is reset first.

    Raises BadInput for a file that can't be read to its end; with `quarantine` it goes on, and the sentence is in
    `counter.bad`.
    """

    type = "READER"
    name = "arcorp units"

    def __init__(
        self, source: Source, units: Sequence[Unit], counter: DocumentCounter, *, quarantine: bool = False
    ) -> None:
        super().__init__()
        self.source, self.units, self.counter, self.quarantine = source, units, counter, quarantine

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Documents of unit `rank`. `world_size` changes nothing."""
        if data:
            yield from data
        self.counter.reset()
        yield from self.source.documents(self.units[rank], self.counter, self._note if self.quarantine else None)

    def _note(self, error: BadInput) -> None:
        self.counter.bad.append(str(error))
