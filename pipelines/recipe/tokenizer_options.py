"""Options of tokenizer training: those of the package, and the mixture of the sample."""

from __future__ import annotations

from dataclasses import asdict, field
from typing import Any

from pydantic import model_serializer
from pydantic.dataclasses import dataclass

from pipelines.recipe.base import STRICT, Misfit
from sharding.scheduling import Mixture
from tokenization import options
from tokenization.errors import TokenizationError


@dataclass(frozen=True, config=STRICT)
class SampleOptions(options.SampleOptions, Mixture):
    """The sample that the tokenizer is trained on."""


@dataclass(frozen=True, config=STRICT)
class TokenizerOptions(options.TokenizerOptions):
    """Training of the tokenizer."""

    sample: SampleOptions = field(
        default=SampleOptions(), metadata={"description": "sample that the tokenizer is trained on"}
    )

    def check(self) -> None:
        """Raise Misfit if a database of camel-tools is used and cannot be found."""
        if self.morphology.mode != "none" and self.morphology.segmenter == "camel":
            from tokenization.morphology import database_path

            try:
                database_path(self.morphology.database)
            except TokenizationError as error:
                raise Misfit(str(error), "morphology", "database") from None

    @model_serializer
    def canonical(self) -> dict[str, Any]:
        """Return all values as JSON, defaults included: the form that is sealed."""
        return {**options.TokenizerOptions.canonical(self), "sample": asdict(self.sample)}
