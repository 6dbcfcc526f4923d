"""Language identification of documents without a language, with GlotLID through datatrove's LanguageFilter.

FineWeb-2 was sorted by GlotLID (cis-lmu/glotlid, model_v3.bin). A label is accepted if its score reaches FineWeb-2's
threshold for that variety (`language_score` in huggingface/fineweb-2, configs/*_Arab.yml), or LanguageFilter's default
threshold for other languages. Otherwise the document keeps `und`. arcorp has no dialect classifier; docs/quality.md
gives the reasons.

Each worker loads the model, which needs as much memory as its file has bytes (1.6 GB).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document, DocumentsPipeline
from datatrove.pipeline.base import PipelineStep

from corpora.errors import BadInput
from corpora.languages import UNDETERMINED, known
from corpora.reading import remote_errors
from corpora.sources.base import Source

HUB = "glotlid"
"""Selects the model on the Hugging Face hub. datatrove downloads it once and keeps it in its cache."""

_THRESHOLDS = {
    "arb_Arab": 0.711,
    "ary_Arab": 0.418,
    "ars_Arab": 0.407,
    "arz_Arab": 0.339,
    "aeb_Arab": 0.316,
    "arq_Arab": 0.305,
    "acm_Arab": 0.304,
    "apc_Arab": 0.300,
}
_DEFAULT_THRESHOLD = 0.65


class Identify(PipelineStep):  # type: ignore[misc]
    """Set the language of documents that have none, and the category that the source derives from it.

    The score is written to the document's metadata as `language_score`.

    source: gives the category of a language. model: HUB, or the path of a fastText model with GlotLID's labels.
    """

    type = "FORMAT"
    name = "arcorp language"

    def __init__(self, source: Source, model: str) -> None:
        super().__init__()
        self.source, self.model = source, model
        self._filter: Any = None

    def run(self, data: DocumentsPipeline, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        """Yield all documents in order, labelled in place. Raises BadInput if the model cannot be loaded.

        `rank` and `world_size` are part of datatrove's interface and are not used.
        """
        for document in data:
            if document.metadata["language"] == UNDETERMINED:
                self._label(document)
            yield document

    def _label(self, document: Document) -> None:
        if self._filter is None:  # loaded in the worker: a model cannot be pickled
            self._filter = _load(self.model)
        probe = Document(text=document.text, id="")
        try:
            self._filter.filter(probe)
        except ValueError:  # the text has no word of the model's vocabulary
            return
        labels = probe.metadata
        language, score = f"{labels['language']}_{labels['language_script']}", labels["language_score"]
        columns = document.metadata
        columns["metadata"] = {**columns["metadata"], "language_score": round(score, 4)}
        if score >= _THRESHOLDS.get(language, _DEFAULT_THRESHOLD):
            columns["language"] = language = known(language) or language
            columns["category"] = self.source.category_of(language)


def _load(model: str) -> Any:
    """Return a LanguageFilter with its model loaded. Raises BadInput if the file is missing or no fastText model."""
    with remote_errors("hf://cis-lmu/glotlid" if model == HUB else model):
        from datatrove.pipeline.filters import LanguageFilter
        from fasttext.FastText import _FastText

        step = LanguageFilter(backend="glotlid", label_only=True)
        if model == HUB:
            _ = step.model.model
            return step
    if not Path(model).is_file():
        raise BadInput(model, "no such file", mend=f"give the path of GlotLID's model, or {HUB} to download it")
    try:
        step.model._model = _FastText(model)
    except ValueError as error:
        raise BadInput(model, "is not a fastText model", mend="download GlotLID's model_v3.bin again") from error
    return step
