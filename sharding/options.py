"""Options of packing. `pipelines` builds them from the `pack` section of a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sharding.errors import OptionError
from sharding.layout import ATTRIBUTES, MAX_ROW_TOKENS

POLICIES = ("best-fit", "concat")
FILLS = ("exact",)


@dataclass(frozen=True, slots=True)
class Validation:
    """Size of the validation split: either `rows` over all strata, or `share` of all rows (approximately).

    The constructor raises OptionError if both or neither are given, if `rows` is below 1, or if `share` is not above 0
    and at most 0.5.
    """

    rows: int | None = None
    share: float | None = None

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

    row_tokens: tokens per row; strata: attributes that a row must not mix, any of source, language, category, in any
    order; policy, fill: see `sharding.packing.best_fit`; bos, eos: ids added before and after each document, or None;
    window: number of documents that are packed together; validation: size of the validation split, or None;
    shards or rows_per_shard: number of shards or their size (neither: 512 MB per shard); seed: determines which
    documents are held out.
    """

    row_tokens: int = 2048
    strata: tuple[str, ...] = ATTRIBUTES
    policy: str = "best-fit"
    fill: str = "exact"
    bos: int | None = None
    eos: int | None = None
    window: int = 100_000
    validation: Validation | None = None
    shards: int | None = None
    rows_per_shard: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.row_tokens <= MAX_ROW_TOKENS:
            raise OptionError(f"row_tokens {self.row_tokens} is not between 2 and {MAX_ROW_TOKENS}")
        if set(self.strata) - set(ATTRIBUTES) or len(set(self.strata)) != len(self.strata):
            raise OptionError(f"strata {list(self.strata)}: choose any of {', '.join(ATTRIBUTES)}, each once")
        for name, value, legal in (("policy", self.policy, POLICIES), ("fill", self.fill, FILLS)):
            if value not in legal:
                raise OptionError(f"{name} {value!r} is unknown; choose one of {', '.join(legal)}")
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
        return {**asdict(self), "strata": list(self.strata)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> PackOptions:
        held_out = value["validation"]
        return cls(
            **{
                **value,
                "strata": tuple(value["strata"]),
                "validation": Validation(**held_out) if held_out is not None else None,
            }
        )
