"""Options of packing and verification: names, defaults, bounds and descriptions.

The dataclasses check their values on construction. A field's metadata holds its description and its bounds (`ge`,
`gt`, `le`), which `pipelines` reads for recipe, flags and documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from sharding.errors import OptionError

Attribute = Literal["source", "language", "category"]
ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
"""Attributes of a document that can define a stratum."""
MAX_ROW_TOKENS = 65_535  # a segment's `length` is a u2
MAX_COUNT = 2**53
"""Largest count: JSON readers represent larger integers differently."""

Policy = Literal["best-fit", "concat"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
SCHEDULE = "schedule.json"
"""Name of the schedule in the folder of a dataset, unless another is named."""
Split = Literal["train", "validation"]
SPLITS: tuple[str, ...] = get_args(Split)
Level = Literal["quick", "full", "deep"]
"""Level of verification; see `sharding.checking.verification`."""
FILL = "exact"
"""Padding of rows as manifests record it: rows hold no padding."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Size of the validation split, which holds whole documents: either `rows` or `share`.

    The constructor raises OptionError if both or neither are given, if `rows` is below 1, or if `share` is not above 0
    and at most 0.5.
    """

    rows: int | None = field(
        default=None,
        metadata={"description": "number of validation rows over all strata", "ge": 1, "le": MAX_COUNT},
    )
    share: float | None = field(
        default=None,
        metadata={
            "description": "share of all tokens (above 0, at most 0.5); an alternative to rows",
            "gt": 0,
            "le": 0.5,
        },
    )

    def __post_init__(self) -> None:
        if (self.rows is None) == (self.share is None):
            raise OptionError("validation: give either rows or share")
        if self.rows is not None and self.rows < 1:
            raise OptionError(f"validation: rows {self.rows}: choose 1 or more")
        if self.share is not None and not 0 < self.share <= 0.5:
            raise OptionError(f"validation: share {self.share}: choose above 0 and at most 0.5")

    def rows_to_hold_out(self, rows: int, most: int) -> int:
        """Return the number of rows to hold out.

        rows: rows of the dataset; most: rows that can be held out. It limits a share, but not a number of rows.
        """
        return self.rows if self.rows is not None else min(round(rows * (self.share or 0)), most)


@dataclass(frozen=True, slots=True)
class PackOptions:
    """Options of packing. The constructor raises OptionError for an invalid value.

    policy: see `sharding.packing.best_fit`; bos, eos: ids added before and after each document, or None; shards or
    rows_per_shard: number of shards or their size (neither: 512 MB per shard); seed: selects the documents of the
    validation split.
    """

    row_tokens: int = field(
        default=2_048, metadata={"description": "number of ids in a row", "ge": 2, "le": MAX_ROW_TOKENS}
    )
    strata: tuple[Attribute, ...] = field(
        default=ATTRIBUTES, metadata={"description": "attributes that are equal for all documents of a row"}
    )
    policy: Policy = field(
        default="best-fit",
        metadata={
            "description": "best-fit: few documents are split over rows; concat: documents are concatenated in order"
        },
    )
    bos: int | None = None
    eos: int | None = None
    window: int = field(
        default=100_000,
        metadata={"description": "number of documents that are packed together", "ge": 1, "le": MAX_COUNT},
    )
    validation: Validation | None = None
    shards: int | None = field(
        default=None,
        metadata={
            "description": "number of training shards; unset: given by rows_per_shard",
            "ge": 1,
            "le": MAX_COUNT,
        },
    )
    rows_per_shard: int | None = field(
        default=None, metadata={"description": "number of rows in a shard", "ge": 1, "le": MAX_COUNT}
    )
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.row_tokens <= MAX_ROW_TOKENS:
            raise OptionError(f"row_tokens {self.row_tokens} is not between 2 and {MAX_ROW_TOKENS}")
        if set(self.strata) - set(ATTRIBUTES) or len(set(self.strata)) != len(self.strata):
            raise OptionError(f"strata {list(self.strata)}: choose any of {', '.join(ATTRIBUTES)}, each once")
        if self.policy not in POLICIES:
            raise OptionError(f"policy {self.policy!r} is unknown; choose one of {', '.join(POLICIES)}")
        if self.shards is not None and self.rows_per_shard is not None:
            raise OptionError("give shards or rows_per_shard, not both")
        for name in ("window", "shards", "rows_per_shard"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise OptionError(f"{name} {number} must be 1 or more")

    @property
    def added(self) -> int:
        """Number of tokens added to each document: BOS and EOS."""
        return (self.bos is not None) + (self.eos is not None)

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "strata": list(self.strata), "fill": FILL}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PackOptions:
        held_out = value["validation"]
        return cls(
            **{
                **{name: given for name, given in value.items() if name != "fill"},
                "strata": tuple(value["strata"]),
                "validation": Validation(**held_out) if held_out is not None else None,
            }
        )
