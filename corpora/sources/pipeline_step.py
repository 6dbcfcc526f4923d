"""The first step of a datatrove pipeline: rank k reads unit k of a source.

datatrove's own readers share out whole files by rank, so that what a task reads depends on how many tasks there are;
here the units are fixed beforehand and a pipeline runs as many tasks as there are units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.document_counts import Tally
from corpora.errors import BadInput
from corpora.sources.base import Source, Unit


class Reader(PipelineStep):  # type: ignore[misc]
    """Documents of `units[rank]`, counted in `tally`, which is reset first.

    Raises BadInput for a file that can't be read to its end; with `quarantine` it goes on, and the sentence is in
    `tally.bad`.
    """

    type = "READER"
    name = "arcorp units"

    def __init__(self, source: Source, units: Sequence[Unit], tally: Tally, *, quarantine: bool = False) -> None:
        super().__init__()
        self.source, self.units, self.tally, self.quarantine = source, units, tally, quarantine

    def run(self, data: DocumentsPipeline = None, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Documents of unit `rank`. `world_size` changes nothing."""
        if data:
            yield from data
        self.tally.reset()
        yield from self.source.documents(self.units[rank], self.tally, self._note if self.quarantine else None)

    def _note(self, error: BadInput) -> None:
        self.tally.bad.append(str(error))
