"""Quality classifier: a fastText model decides which texts are kept, as datatrove's FastTextClassifierFilter does.

The labels and scores are those of the model on the text without line feeds (datatrove's default). A text is kept if a
label of `keep` has at least its score, or if no label of `remove` has. A text without a word of the model's vocabulary
has no scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datatrove.data import Document

from corpora.addresses import is_remote
from corpora.errors import BadInput
from corpora.reading import remote_errors

REASON = "classifier"


class Classifier:
    """Classifies texts with a fastText model, which is loaded at the first text.

    model: path of a local model. keep, remove: labels without `__label__`, with their smallest score; one of the two
    is empty.
    """

    def __init__(self, model: str, keep: Mapping[str, float], remove: Mapping[str, float]) -> None:
        self.model, self.keep, self.remove = model, dict(keep), dict(remove)
        self._filter: Any = None

    def __call__(self, text: str) -> tuple[bool, dict[str, float]]:
        """Return whether a text is kept, and the scores of the named labels. Raises BadInput for a bad model."""
        if self._filter is None:  # loaded in the worker: a model cannot be pickled
            self._filter = self._load()
        probe = Document(text=text, id="")
        try:
            kept = bool(self._filter.filter(probe))
        except ValueError:  # no word of the model's vocabulary
            return not self.keep, {}
        scores = {label: probe.metadata.get(f"__label__{label}") for label in {**self.keep, **self.remove}}
        return kept, {label: round(score, 4) for label, score in scores.items() if score is not None}

    def _load(self) -> Any:
        from datatrove.pipeline.filters import FastTextClassifierFilter
        from fasttext.FastText import _FastText

        step = FastTextClassifierFilter(
            self.model, keep_labels=list(self.keep.items()) or None, remove_labels=list(self.remove.items()) or None
        )
        try:
            step._model = _FastText(self.model)
        except ValueError as error:
            raise BadInput(self.model, "is not a fastText model", mend="correct quality.classifier.model") from error
        labels = [label.removeprefix("__label__") for label in step._model.labels]
        unknown = next((label for label in {**self.keep, **self.remove} if label not in labels), None)
        if unknown is not None:
            mend = f"its labels are {', '.join(labels[:20])}: correct quality.classifier"
            raise BadInput(self.model, f"has no label {unknown!r}", mend=mend)
        return step


def local_model(model: str) -> Path:
    """Return the path of a fastText model; a model at an address (hf://, https://) is downloaded once, to datatrove's
    cache. Raises BadInput if there is no such file, and the errors of `remote_errors`."""
    if not is_remote(model):
        if not Path(model).is_file():
            raise BadInput(model, "no such file", mend="give the path or the address of a fastText model")
        return Path(model)
    from datatrove.io import cached_asset_path_or_download

    with remote_errors(model):
        path = cached_asset_path_or_download(model, progress=False, namespace="filters", subfolder="fasttext")
    return Path(path)
