"""The first step of a datatrove pipeline: rank k reads unit k of a source.

datatrove's readers distribute whole files over ranks, so that the input of a task depends on the number of tasks. With
this step the units are fixed in advance, and a pipeline has one task for each unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.document_counts import DocumentCounter
from corpora.errors import BadInput
from corpora.sources.base import Source, Unit


class Reader(PipelineStep):  # type: ignore[misc]
    """Reader of the documents of `units[rank]`.

    source      source of the units
    units       all units of the input
    counter     reset at the beginning of a rank; counts the records of the unit
    quarantine  add the message of a bad file to `counter.bad` and continue with the next slice

    Raises BadInput for a file that can't be read to its end, unless `quarantine` is set.
    """

    type = "READER"
    name = "arcorp units"

    def __init__(
        self, source: Source, units: Sequence[Unit], counter: DocumentCounter, *, quarantine: bool = False
    ) -> None:
        super().__init__()
        self.source, self.units, self.counter, self.quarantine = source, units, counter, quarantine

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Yield the documents of unit `rank`. `world_size` is ignored."""
        if data:
            yield from data
        self.counter.reset()
        yield from self.source.documents(self.units[rank], self.counter, self._note if self.quarantine else None)

    def _note(self, error: BadInput) -> None:
        self.counter.bad.append(str(error))
