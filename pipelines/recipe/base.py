"""The base of a recipe's sections: strict models, constrained values, and the list of stages.

Options that a package defines as dataclasses are read from there: pydantic takes the description and the bounds of a
field from its metadata. The other options are defined once, in the models of this package. A field's description is
its help text, its description in `arcorp schema`, and its line in the documentation.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipelines import texts
from sharding.options import MAX_COUNT

StageName = Literal[
    "ingest", "translate", "dedup", "tokenizer", "tokenize", "pack", "verify", "train", "evaluate", "report"
]
STAGES: tuple[StageName, ...] = get_args(StageName)
"""The stages of a build, in order."""

PositiveInt = Annotated[int, Field(gt=0, le=MAX_COUNT)]
SeedInt = Annotated[int, Field(ge=0, lt=2**63)]
BatchRows = Annotated[int, Field(gt=0, le=2**31)]
Language = Annotated[str, AfterValidator(texts.language)]
Name = Annotated[str, AfterValidator(texts.name)]
Word = Annotated[str, AfterValidator(texts.word)]

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Unknown keys are refused, and numbers are finite."""


class Misfit(ValueError):
    """An option that contradicts another. `location`: keys from the section that refuses it to the option."""

    def __init__(self, message: str, *location: str | int) -> None:
        super().__init__(message)
        self.location = location


class Options(BaseModel):
    """Base of the sections."""

    model_config = ConfigDict(**STRICT, frozen=True)

    def check(self) -> None:
        """Raise the error of the package that uses these options. Nested sections are checked separately."""

    def canonical(self) -> dict[str, Any]:
        """Return all values as JSON, defaults included: the form that is sealed."""
        return self.model_dump(mode="json")


def package_field(options: type[Any], name: str, **changes: Any) -> Any:
    """Return a field with the default, description and bounds of a package's dataclass field, or `changes` to them."""
    option = next(option for option in fields(options) if option.name == name)
    return Field(**{"default": option.default, **option.metadata, **changes})
