"""Options of translation: a corpus in another language."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field

from pipelines.recipe.base import Language, Misfit, Options


class TranslateOptions(Options):
    """Machine translation of documents, before deduplication."""

    model: str = Field(
        description="translation model (OPUS-MT, NLLB): a folder in CTranslate2's format or in that of transformers, "
        "or a name on the Hugging Face Hub (Helsinki-NLP/opus-mt-en-ar)"
    )
    source: Language = Field(description="language of the documents: a label, a code or a name")
    target: Language = Field(description="language to translate into")
    beam: int = Field(4, ge=1, le=32, description="hypotheses that the search keeps; 1 is fastest")
    max_missing: float = Field(
        0.1, ge=0, le=1, description="share of a document's sentences that may stay untranslated; more drops it"
    )

    def check(self) -> None:
        if self.source == self.target:
            raise Misfit(f"source and target are both {self.source}: correct one", "target")

    @property
    def name(self) -> str:
        """The model's name on the hub, or the name of its folder: what is sealed."""
        if os.path.exists(self.model):  # noqa: PTH110 (False for any text)
            return Path(self.model).resolve().name
        return self.model.removeprefix("hf://")

    def relative_to(self, folder: Path) -> TranslateOptions:
        """Return the options with the path of the model resolved against a folder, if it is there."""
        path = str(folder / os.path.expanduser(self.model))  # noqa: PTH111 (Path.expanduser raises for an unknown user)
        return self.model_copy(update={"model": path}) if os.path.exists(path) else self  # noqa: PTH110
