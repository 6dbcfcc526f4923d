"""A phase of training: its length and its mixture. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass, field

from sharding.errors import OptionError
from sharding.options import MAX_COUNT
from sharding.scheduling.mixture import Mixture


@dataclass(frozen=True)
class Phase:
    """A part of the run with one mixture. Its length is either `steps` or `tokens`."""

    name: str = field(metadata={"description": "name of the phase"})
    steps: int | None = field(
        default=None, metadata={"description": "number of optimizer steps", "ge": 1, "le": MAX_COUNT}
    )
    tokens: int | None = field(
        default=None,
        metadata={
            "description": "number of tokens, rounded down to whole steps; an alternative to steps",
            "ge": 1,
            "le": MAX_COUNT,
        },
    )
    mixture: Mixture | None = field(
        default=None, metadata={"description": "mixture of this phase; unset: the mixture of the run"}
    )

    def whole_steps(self, tokens_per_step: int) -> int:
        """Return the number of steps. Raises OptionError unless one length is given and holds a whole step."""
        if (self.steps is None) == (self.tokens is None):
            raise OptionError(f"phase {self.name!r}: give either steps or tokens")
        steps = self.steps if self.steps is not None else (self.tokens or 0) // tokens_per_step
        if steps < 1:
            raise OptionError(f"phase {self.name!r} is shorter than a step of {tokens_per_step} tokens; give more")
        return steps
