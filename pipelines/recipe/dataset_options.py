"""Options of the dataset: packing into rows, and the schedule."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import field
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator
from pydantic.dataclasses import dataclass

import sharding.options
from pipelines.recipe.base import STRICT, BatchRows, Misfit, Name, Options, package_field
from sharding.options import FILL, Attribute, Policy, Validation
from sharding.scheduling import Mixture, Phase

ROLES = ("bos", "eos")
Untrained = Literal["reasoning", "tool_call", "python"]


class ChatOptions(Options):
    """Conversations. What the assistant writes is trained on: text, reasoning, calls, and the end of its turns."""

    untrained: list[Untrained] = Field(
        [], description="kinds of parts of answers that are not trained on, though the assistant writes them"
    )


class PackOptions(Options):
    """Packing of tokens into rows."""

    row_tokens: int = package_field(sharding.options.PackOptions, "row_tokens")
    strata: tuple[Attribute, ...] = package_field(sharding.options.PackOptions, "strata")
    policy: Policy = package_field(sharding.options.PackOptions, "policy")
    bos: bool | None = Field(None, description="begin each document with the tokenizer's BOS; unset: if it has one")
    eos: bool | None = Field(None, description="end each document with the tokenizer's EOS; unset: if it has one")
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

    def for_roles(self, roles: Collection[str]) -> PackOptions:
        """Return the options with `bos` and `eos` decided for a tokenizer that has special tokens in `roles`.

        Raises Misfit for a role that the tokenizer does not have, or if nothing would separate documents.
        """
        decided = {role: role in roles if getattr(self, role) is None else getattr(self, role) for role in ROLES}
        for role, required in decided.items():
            if required and role not in roles:
                raise Misfit(
                    f"it is true, and the tokenizer has no {role.upper()} token: remove it, add one, or name one of "
                    f"an imported tokenizer by `arcorp tokenizer import --{role} NAME`",
                    role,
                )
        if not any(decided.values()) and None in (self.bos, self.eos):
            raise Misfit(
                "the tokenizer has neither a BOS nor an EOS token, and a model would not learn where documents end: "
                "name one of its special tokens by `arcorp tokenizer import --eos NAME`, or set pack.bos and pack.eos "
                "to false",
                "eos" if self.eos is None else "bos",
            )
        return self.model_copy(update=decided)

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
