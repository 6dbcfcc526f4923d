"""The input of one task: slices of files with together about 32 MiB of text, or one compressed file.

An input has at most MOST_UNITS of them, since each is a part of all later stages, with files of its own. Those of a
larger input are joined: a unit of 5 TB of text has 480 MiB.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from corpora.reading import Slice

MOST_UNITS = 10_000
"""Largest number of units of an input."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The input of one task.

    slices  slices of files, in order
    limit   maximum number of documents; None: all
    """

    slices: tuple[Slice, ...]
    limit: int | None = None

    @property
    def bytes(self) -> int:
        """Estimated bytes of text."""
        return sum(part.bytes for part in self.slices)

    def to_json(self) -> dict[str, Any]:
        """Return the unit for a plan: names relative to the inputs, sizes and ranges."""
        return {"slices": [part.to_json() for part in self.slices], "bytes": self.bytes, "limit": self.limit}


def grouped(slices: Iterable[Slice], size: int) -> list[Unit]:
    """Return slices as units of at most `size` bytes of text, or of a single larger slice. The order is kept.

    If these are more than MOST_UNITS, as many neighbours are joined as are needed.
    """
    units: list[list[Slice]] = []
    total = 0
    for part in slices:
        if units and total + part.bytes <= size:
            units[-1].append(part)
            total += part.bytes
        else:
            units.append([part])
            total = part.bytes
    joined = -(-len(units) // MOST_UNITS)
    return [Unit(tuple(chain(*units[first : first + joined]))) for first in range(0, len(units), max(joined, 1))]
