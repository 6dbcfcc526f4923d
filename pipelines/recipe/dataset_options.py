"""Options of the dataset: packing into rows, and the schedule."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic.dataclasses import dataclass

import sharding.options
from pipelines.recipe.base import STRICT, BatchRows, Name, Options, package_field
from sharding.options import FILL, Attribute, Policy, Validation
from sharding.scheduling import Mixture, Phase


class PackOptions(Options):
    """Packing of tokens into rows."""

    row_tokens: int = package_field(sharding.options.PackOptions, "row_tokens")
    strata: tuple[Attribute, ...] = package_field(sharding.options.PackOptions, "strata")
    policy: Policy = package_field(sharding.options.PackOptions, "policy")
    bos: bool = Field(True, description="begin each document with <|bos|>")
    eos: bool = Field(False, description="end each document with <|eos|>")
    window: int = package_field(sharding.options.PackOptions, "window")
    validation: Validation = Field(
        Validation(share=0.01), description="documents of the validation split: a number of rows or a share"
    )
    shards: int | None = package_field(sharding.options.PackOptions, "shards")
    rows_per_shard: int = package_field(sharding.options.PackOptions, "rows_per_shard", default=65_536)

    @model_validator(mode="before")
    @classmethod
    def _accept_fill(cls, values: Any) -> Any:
        """Accept `fill: exact`, which recipes of release 0.1.0 contain."""
        if isinstance(values, dict) and values.get("fill") == FILL:
            return {name: value for name, value in values.items() if name != "fill"}
        return values

    @model_serializer(mode="wrap")
    def _add_fill(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Keep `fill` in the sealed form, so that datasets of release 0.1.0 keep their digest."""
        return {**serialize(self), "fill": FILL}

    def packing(self, bos: int | None, eos: int | None, seed: int) -> sharding.options.PackOptions:
        """Return the options of sharding. `bos`, `eos`: ids around each document, or None. Raises OptionError."""
        return sharding.options.PackOptions(
            row_tokens=self.row_tokens,
            strata=self.strata,
            policy=self.policy,
            bos=bos,
            eos=eos,
            window=self.window,
            validation=self.validation,
            shards=self.shards,
            rows_per_shard=None if self.shards else self.rows_per_shard,
            seed=seed,
        )

    def check(self) -> None:
        self.packing(0 if self.bos else None, 0 if self.eos else None, 0)


@dataclass(frozen=True, config=STRICT)
class PhaseOptions(Phase):
    """One phase of training: its length and its mixture."""

    name: Name = field(metadata={"description": "name of the phase"})

    def check(self) -> None:
        """Raise OptionError unless the phase has one length."""
        self.whole_steps(1)


class ScheduleOptions(Options):
    """The order in which rows are trained on."""

    batch_rows: BatchRows = Field(32, description="number of rows in an optimizer step")
    mixture: Mixture = Field(Mixture(), description="mixture of the phases that have none of their own")
    phases: list[PhaseOptions] = Field(min_length=1, description="phases of training, in order")
