"""Counts of a stage's input and output, with a reason for everything added or dropped. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sharding import checked


@dataclass(slots=True)
class Counts:
    """Input and output of a stage in one unit (documents, tokens, ...); additions and losses by reason.

    `input + added == out + dropped` must hold when a stage is sealed.
    """

    input: int = 0
    added: dict[str, int] = field(default_factory=dict)
    out: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, count: int = 1) -> None:
        """Count `count` units that the stage added for `reason`."""
        self.added[reason] = self.added.get(reason, 0) + count

    def drop(self, reason: str, count: int = 1) -> None:
        """Count `count` units that the stage dropped for `reason`."""
        self.dropped[reason] = self.dropped.get(reason, 0) + count

    @property
    def balanced(self) -> bool:
        """True if input plus additions equals output plus losses."""
        return self.input + sum(self.added.values()) == self.out + sum(self.dropped.values())

    def __iadd__(self, other: Counts) -> Counts:
        self.input += other.input
        self.out += other.out
        for reason, count in other.added.items():
            self.add(reason, count)
        for reason, count in other.dropped.items():
            self.drop(reason, count)
        return self

    def to_json(self) -> dict[str, Any]:
        return {"in": self.input, "added": self.added, "out": self.out, "dropped": self.dropped}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Counts:
        """Return the counts stored by `to_json`.

        Raises ValueError for a number that is not a count, KeyError or TypeError for a value of another shape.
        """
        given, out = (checked.count(value[key], key) for key in ("in", "out"))
        added, dropped = (
            {reason: checked.count(number, reason) for reason, number in value[key].items()}
            for key in ("added", "dropped")
        )
        return cls(given, added, out, dropped)


CountsByUnit = dict[str, Counts]
"""Counts by unit: {"documents": Counts, "tokens": Counts}."""


def total(counts: Iterable[CountsByUnit]) -> CountsByUnit:
    """Return the sum of the counts of many parts, unit by unit."""
    result: CountsByUnit = {}
    for part in counts:
        for unit, unit_counts in part.items():
            result.setdefault(unit, Counts())
            result[unit] += unit_counts
    return result
