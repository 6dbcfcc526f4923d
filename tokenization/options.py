"""The options of tokenizer training: names, defaults, bounds and descriptions, defined once.

The dataclasses check their values on construction and raise OptionError, which names the option. The `help` entry of
a field's metadata is its description: help text, schema and documentation are made from it. The module imports no
third-party package, so that a command line can read it at start-up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
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


def check_range(name: str, value: float, low: float, high: float | None = None) -> None:
    """Raise OptionError unless low <= value, and value <= high if `high` is given."""
    if not (value >= low and (high is None or value <= high)):
        bounds = f"{low:,} or more" if high is None else f"from {low:,} to {high:,}"
        raise OptionError(f"{name} = {value}: choose {bounds}")


@dataclass(frozen=True, slots=True)
class Special:
    """A special token with an optional fixed id."""

    name: str
    id: int | None = None


@dataclass(frozen=True, slots=True)
class MorphologyOptions:
    """How the morpheme boundaries of Arabic words affect the merges."""

    mode: Mode = field(
        default="none",
        metadata={"help": "hard: no merge across a boundary during training; soft: such pairs have a lower score"},
    )
    penalty: float = field(
        default=2.0, metadata={"help": "soft: weight of an occurrence across a boundary (lambda, 0 to 1000)"}
    )
    share: float = field(
        default=0.94,
        metadata={"help": "soft: share of the vocabulary that is built with the penalty (above 0, at most 1)"},
    )
    segmenter: SegmenterName = field(
        default="learned", metadata={"help": "source of the boundaries; camel uses a database of camel-tools"}
    )
    database: str | None = field(
        default=None, metadata={"help": "camel: name of a database (calima-msa-r13), or its path"}
    )
    regex: bool = field(
        default=False, metadata={"help": "with any mode: split clitics that are certain by spelling into pre-tokens"}
    )

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise OptionError(f"mode = {self.mode!r}: choose one of {', '.join(MODES)}")
        check_range("penalty", self.penalty, 0, MAX_PENALTY)
        if not 0 < self.share <= 1:
            raise OptionError(f"share = {self.share}: choose a value above 0 and at most 1")
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
        values["segmenter"] = self.segmenter
        return values | {name: getattr(self, name) for name in ("database", "regex") if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """The size of the tokenizer's training sample. A recipe adds the mixture of the sample."""

    chars: int = field(
        default=50_000_000, metadata={"help": "characters in the sample (all characters, if there are fewer)"}
    )
    document_cap: int = field(
        default=10_000, metadata={"help": "maximum number of characters that are taken from one document"}
    )

    def __post_init__(self) -> None:
        check_range("chars", self.chars, 1)
        check_range("document_cap", self.document_cap, 1)


@dataclass(frozen=True, slots=True)
class TokenizerOptions:
    """Vocabulary, pre-tokens and merges of a tokenizer."""

    vocab_size: int = field(
        default=32_768, metadata={"help": "number of ids: bytes, merges, reserved slots, special tokens"}
    )
    specials: tuple[str | Special, ...] = field(
        default=tuple(ROLES.values()),
        metadata={"help": "special tokens, at the end of the vocabulary unless {name, id} sets the id"},
    )
    reserved: int = field(default=0, metadata={"help": "number of reserved slots after the merges"})
    merged: int | None = field(
        default=None, metadata={"help": "number of ids of bytes and merges; unset: all that remain (at least 256)"}
    )
    digits: int = field(default=1, metadata={"help": "maximum number of digits in one pre-token (1 to 3)"})
    min_frequency: int = field(default=2, metadata={"help": "minimum number of occurrences of a pair that is merged"})
    max_token_bytes: int | None = field(
        default=None, metadata={"help": "maximum length of a merged token in bytes (at least 2)"}
    )
    morphology: MorphologyOptions = field(
        default=MorphologyOptions(), metadata={"help": "whether merges respect the morphemes of Arabic words"}
    )

    def __post_init__(self) -> None:
        check_range("vocab_size", self.vocab_size, MIN_VOCABULARY, MAX_SIZE)
        check_range("reserved", self.reserved, 0)
        if self.merged is not None:
            check_range("merged", self.merged, 256)
        check_range("digits", self.digits, 1, MAX_DIGITS)
        check_range("min_frequency", self.min_frequency, 1)
        if self.max_token_bytes is not None:
            check_range("max_token_bytes", self.max_token_bytes, 2)
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
