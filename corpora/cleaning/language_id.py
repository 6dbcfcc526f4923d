"""The language of documents whose source names none, as GlotLID tells it through datatrove's LanguageFilter.

GlotLID (cis-lmu/glotlid, model_v3.bin) is what FineWeb-2 was sorted by. Its label is taken if it is as sure as
FineWeb-2 asks of that variety (`language_score` in huggingface/fineweb-2, configs/*_Arab.yml), or as LanguageFilter
asks of any; a text that it is less sure of keeps `und`. There is no classifier of our own for dialects:
docs/quality.md says why.

A model takes as much memory as its file is large, 1.6 GB, in every worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.errors import BadInput
from corpora.reading import remote_errors
from corpora.sources.base import UNDETERMINED, Source

HUB = "glotlid"
"""The model of the hub, fetched once and kept by datatrove."""

_SURE = {
    "arb_Arab": 0.711,
    "ary_Arab": 0.418,
    "ars_Arab": 0.407,
    "arz_Arab": 0.339,
    "aeb_Arab": 0.316,
    "arq_Arab": 0.305,
    "acm_Arab": 0.304,
    "apc_Arab": 0.300,
}
_SURE_OF_OTHERS = 0.65


class Identify(PipelineStep):  # type: ignore[misc]
    """Labels documents that have no language, and their category where it follows from that; the score goes into
    their metadata as `language_score`. `model`: HUB, or the path of a fastText model with GlotLID's labels."""

    type = "FORMAT"
    name = "arcorp language"

    def __init__(self, source: Source, model: str) -> None:
        super().__init__()
        self.source, self.model = source, model
        self._filter: Any = None

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """The documents, labelled in place."""
        for document in data:
            if document.metadata["language"] == UNDETERMINED:
                self._label(document)
            yield document

    def _label(self, document: Document) -> None:
        if self._filter is None:  # loaded where it runs: a model does not travel to workers
            self._filter = _loaded(self.model)
        probe = Document(text=document.text, id="")
        try:
            self._filter.filter(probe)
        except ValueError:  # nothing in the text that the model knows
            return
        found = probe.metadata
        language, score = f"{found['language']}_{found['language_script']}", found["language_score"]
        columns = document.metadata
        columns["metadata"] = {**columns["metadata"], "language_score": round(score, 4)}
        if score >= _SURE.get(language, _SURE_OF_OTHERS):
            columns["language"] = language
            columns["category"] = self.source.category_of(language)


def _loaded(model: str) -> Any:
    """LanguageFilter with its model. Raises BadInput."""
    with remote_errors("hf://cis-lmu/glotlid" if model == HUB else model):
        from datatrove.pipeline.filters import LanguageFilter
        from fasttext.FastText import _FastText

        step = LanguageFilter(backend="glotlid", label_only=True)
        if model == HUB:
            _ = step.model.model
            return step
    if not Path(model).is_file():
        raise BadInput(model, "no such file", mend=f"give the path of GlotLID's model, or {HUB} to fetch it")
    try:
        step.model._model = _FastText(model)
    except ValueError as error:
        raise BadInput(model, "is not a fastText model", mend="fetch GlotLID's model_v3.bin again") from error
    return step
