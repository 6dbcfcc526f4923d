"""The options of tokenizer training: names, defaults, bounds and descriptions, defined once.

The dataclasses check their values on construction and raise OptionError, which names the option. A field's metadata
holds its description and its bounds (`ge`, `gt`, `le`): help text, schema and documentation are made from them, and
pydantic reads the same keys. The module imports no third-party package, so that a command line can read it at
start-up.
"""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from tokenization.errors import OptionError, VocabularyError
from tokenization.vocabulary_layout import MAX_SIZE, ROLES, VocabularyLayout

Mode = Literal["none", "hard", "soft"]
SegmenterName = Literal["learned", "camel", "rules"]
ExportKind = Literal["hf", "tiktoken", "arrays"]
MODES: tuple[Mode, ...] = get_args(Mode)
SEGMENTERS: tuple[SegmenterName, ...] = get_args(SegmenterName)
EXPORT_KINDS: tuple[ExportKind, ...] = get_args(ExportKind)

MIN_VOCABULARY = 260  # 256 bytes, three special tokens and one merge
MAX_DIGITS = 3
MAX_PENALTY = 1000
MAX_COUNT = 2**53
"""Largest count: JSON readers represent larger integers differently."""
BOUNDS = (("ge", "at least", operator.ge), ("gt", "above", operator.gt), ("le", "at most", operator.le))


def check_range(name: str, value: float, low: float, high: float | None = None) -> None:
    """Raise OptionError unless low <= value, and value <= high if `high` is given."""
    if not (value >= low and (high is None or value <= high)):
        bounds = f"{low:,} or more" if high is None else f"from {low:,} to {high:,}"
        raise OptionError(f"{name} = {value}: choose {bounds}")


def check_bounds(options: Any) -> None:
    """Raise OptionError for a number outside the bounds in the metadata of its field. None has no bounds."""
    for option in fields(options):
        value = getattr(options, option.name)
        bounds = [(*bound, option.metadata[bound[0]]) for bound in BOUNDS if bound[0] in option.metadata]
        if value is not None and not all(holds(value, limit) for _, _, holds, limit in bounds):
            legal = " and ".join(f"{words} {limit:,}" for _, words, _, limit in bounds)
            raise OptionError(f"{option.name} = {value}: choose a value that is {legal}")


@dataclass(frozen=True, slots=True)
class Special:
    """A special token with an optional fixed id."""

    name: str = field(metadata={"description": "name of the token"})
    id: int | None = field(
        default=None, metadata={"description": "id of the token; unset: at the end", "ge": 1, "le": MAX_COUNT}
    )


@dataclass(frozen=True, slots=True)
class MorphologyOptions:
    """How the morpheme boundaries of Arabic words affect the merges."""

    mode: Mode = field(
        default="none",
        metadata={
            "description": "hard: no merge across a boundary during training; soft: such pairs have a lower score"
        },
    )
    penalty: float = field(
        default=2.0,
        metadata={
            "description": "soft: weight of an occurrence across a boundary (lambda, 0 to 1000)",
            "ge": 0,
            "le": MAX_PENALTY,
        },
    )
    share: float = field(
        default=0.91,
        metadata={
            "description": "soft: share of the Arabic ids that are built with the penalty (above 0, at most 1)",
            "gt": 0,
            "le": 1,
        },
    )
    quota: float | None = field(
        default=None,
        metadata={
            "description": "soft, hard: share of the ids of bytes and merges that have Arabic letters; unset: as many "
            "as plain BPE gives them",
            "gt": 0,
            "le": 1,
        },
    )
    segmenter: SegmenterName = field(
        default="learned", metadata={"description": "source of the boundaries; camel uses a database of camel-tools"}
    )
    database: str | None = field(
        default=None, metadata={"description": "camel: name of a database (calima-msa-r13), or its path"}
    )
    regex: bool = field(
        default=False,
        metadata={"description": "with any mode: split clitics that are certain by spelling into pre-tokens"},
    )

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise OptionError(f"mode = {self.mode!r}: choose one of {', '.join(MODES)}")
        check_bounds(self)
        if self.segmenter not in SEGMENTERS:
            raise OptionError(f"segmenter = {self.segmenter!r}: choose one of {', '.join(SEGMENTERS)}")
        if self.database is not None and self.segmenter != "camel":
            raise OptionError(
                f"database = {self.database!r}: only segmenter 'camel' uses a database, and segmenter is "
                f"{self.segmenter!r}; set segmenter to 'camel' or remove database"
            )

    def canonical(self) -> dict[str, Any]:
        """Return the values as JSON for a seal.

        `database` and `regex` are omitted when unset, so that tokenizers made before these options keep their digest.
        """
        values: dict[str, Any] = {"mode": self.mode, "penalty": self.penalty, "share": self.share}
        if self.mode != "none":
            values["quota"] = self.quota
        values["segmenter"] = self.segmenter
        return values | {name: getattr(self, name) for name in ("database", "regex") if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """The size of the tokenizer's training sample. A recipe adds the mixture of the sample."""

    chars: int = field(
        default=50_000_000,
        metadata={
            "description": "characters in the sample (all characters, if there are fewer)",
            "ge": 1,
            "le": MAX_COUNT,
        },
    )
    document_cap: int = field(
        default=10_000,
        metadata={
            "description": "maximum number of characters that are taken from one document",
            "ge": 1,
            "le": MAX_COUNT,
        },
    )

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class TokenizerOptions:
    """Vocabulary, pre-tokens and merges of a tokenizer."""

    vocab_size: int = field(
        default=32_768,
        metadata={
            "description": "number of ids: bytes, merges, reserved slots, special tokens",
            "ge": MIN_VOCABULARY,
            "le": MAX_SIZE,
        },
    )
    specials: tuple[str | Special, ...] = field(
        default=tuple(ROLES.values()),
        metadata={"description": "special tokens, at the end of the vocabulary unless {name, id} sets the id"},
    )
    reserved: int = field(
        default=0, metadata={"description": "number of reserved slots after the merges", "ge": 0, "le": MAX_COUNT}
    )
    merged: int | None = field(
        default=None,
        metadata={
            "description": "number of ids of bytes and merges; unset: all that remain (at least 256)",
            "ge": 256,
            "le": MAX_COUNT,
        },
    )
    digits: int = field(
        default=1,
        metadata={
            "description": "maximum number of digits in one pre-token (1 to 3)",
            "ge": 1,
            "le": MAX_DIGITS,
        },
    )
    min_frequency: int = field(
        default=2,
        metadata={
            "description": "minimum number of occurrences of a pair that is merged",
            "ge": 1,
            "le": MAX_COUNT,
        },
    )
    max_token_bytes: int | None = field(
        default=None,
        metadata={
            "description": "maximum length of a merged token in bytes (at least 2)",
            "ge": 2,
            "le": MAX_COUNT,
        },
    )
    morphology: MorphologyOptions = field(
        default=MorphologyOptions(), metadata={"description": "whether merges respect the morphemes of Arabic words"}
    )

    def __post_init__(self) -> None:
        check_bounds(self)
        self.layout()

    def layout(self) -> VocabularyLayout:
        """Return the vocabulary's layout. Raises VocabularyError if it is inconsistent."""
        tokens = [token if isinstance(token, Special) else Special(token) for token in self.specials]
        for name, times in Counter(token.name for token in tokens).items():
            if times > 1:
                raise VocabularyError(f"special token {name!r} is listed {times} times: list it once")
        return VocabularyLayout(
            size=self.vocab_size,
            specials={token.name: token.id for token in tokens},
            reserved=self.reserved,
            bpe=self.merged,
        )

    def canonical(self) -> dict[str, Any]:
        """Return the values as JSON for a seal, defaults included."""
        return {
            "vocab_size": self.vocab_size,
            "specials": [
                {"name": token.name, "id": token.id} if isinstance(token, Special) else token
                for token in self.specials
            ],
            "reserved": self.reserved,
            "merged": self.merged,
            "digits": self.digits,
            "min_frequency": self.min_frequency,
            "max_token_bytes": self.max_token_bytes,
            "morphology": self.morphology.canonical(),
        }
