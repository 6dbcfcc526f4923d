"""Which id means what: bytes, merges, reserved slots, special tokens, and no holes between them.

    0 .. 255            the bytes, in the order of `alphabet`
    256 .. bpe - 1      what the merges make, in the order of the merges: id = rank, as tiktoken needs it
    bpe .. size - 1     reserved slots `<|reserved_0|>`, ..., then special tokens without a fixed id, in the
                        first free ids; special tokens with a fixed id where the recipe says; and in every id
                        that is left an `<|unused_0|>`, `<|unused_1|>`, ...

Why no hole may stay: `tokenizers` 0.23 gives added tokens the ids that follow the vocabulary, whatever its file
says, in silence (`<|bos|>` at 32,760 over 32,000 tokens becomes 32,004), while other engines keep the file's.
With every id named, all agree. Names are ASCII, because added tokens pass through the byte-level decoder, which
maps other characters to other bytes (tokenizers issue 1392).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenization.errors import VocabularyError
from tokenization.model.alphabet import BYTE_OF_ID

Merge = tuple[bytes, bytes]

MAX_SIZE = 1 << 24  # ids are stored in 16 or 32 bits; anything near this is a slip of the pen
USUAL = {"bos": "<|bos|>", "eos": "<|eos|>", "pad": "<|pad|>"}


@dataclass(frozen=True, slots=True)
class Layout:
    """What a vocabulary holds, as a recipe says it.

    `specials`: names of special tokens, in order, each with its id or None for the next free one.
    `reserved`: how many slots to keep for later. `bpe`: how many ids bytes and merges take; None for all that
    the others leave below the lowest fixed id. `bos`, `eos`, `pad`: the special tokens in these roles; None for
    the one of the usual name, where there is one.

    Raises VocabularyError, on construction, for anything that can't be.
    """

    size: int
    specials: Mapping[str, int | None] = field(default_factory=lambda: dict.fromkeys(USUAL.values()))
    reserved: int = 0
    bpe: int | None = None
    bos: str | None = None
    eos: str | None = None
    pad: str | None = None

    def __post_init__(self) -> None:
        if not 0 < self.size <= MAX_SIZE:
            raise VocabularyError(f"vocabulary size {self.size}: choose from 256 to {MAX_SIZE:,}")
        if self.reserved < 0:
            raise VocabularyError(f"{self.reserved} reserved slots: choose 0 or more")
        self._check_names()
        self._check_ids()
        least = 256 + len(self.specials) + self.reserved
        if self.size < least:
            raise VocabularyError(
                f"a vocabulary of {self.size} doesn't hold 256 bytes, {len(self.specials)} special tokens and "
                f"{self.reserved} reserved slots: ask for {least} or more"
            )
        if self.merged < 256:
            raise VocabularyError(
                f"{self.merged} ids are left for bytes and merges, and the bytes alone need 256: "
                "move the special tokens' fixed ids up, or reserve fewer slots"
            )

    @property
    def merged(self) -> int:
        """How many ids bytes and merges take."""
        if self.bpe is not None:
            return self.bpe
        fixed = [at for at in self.specials.values() if at is not None]
        lowest = min(fixed, default=self.size)
        free_above = self.size - lowest - len(fixed)
        floating = self.reserved + len(self.specials) - len(fixed)
        return lowest - max(0, floating - free_above)

    def roles(self) -> dict[str, str]:
        """The special token in each role (bos, eos, pad) that is filled."""
        said = {"bos": self.bos, "eos": self.eos, "pad": self.pad}
        names = {role: said[role] or usual for role, usual in USUAL.items()}
        return {role: name for role, name in names.items() if name in self.specials}

    def names(self) -> tuple[str, ...]:
        """The names of all ids from `merged` on, in order."""
        taken = {at: name for name, at in self.specials.items() if at is not None}
        free = iter([at for at in range(self.merged, self.size) if at not in taken])
        for slot in range(self.reserved):
            taken[next(free)] = f"<|reserved_{slot}|>"
        for name, at in self.specials.items():
            if at is None:
                taken[next(free)] = name
        for number, at in enumerate(free):
            taken[at] = f"<|unused_{number}|>"
        return tuple(taken[at] for at in range(self.merged, self.size))

    def _check_names(self) -> None:
        for name in self.specials:
            if not name or not all("!" <= char <= "~" for char in name):
                raise VocabularyError(f"special token {name!r}: write it in printable ASCII without spaces")
            if len(name) == 1:
                raise VocabularyError(f"special token {name!r} is a byte of the vocabulary: give it a longer name")
            if name.startswith(("<|reserved_", "<|unused_")):
                raise VocabularyError(f"special token {name!r}: such names are given to empty slots; choose another")
        for role, held in (("bos", self.bos), ("eos", self.eos), ("pad", self.pad)):
            if held is not None and held not in self.specials:
                raise VocabularyError(f"{role}: {held!r} is none of the special tokens: add it there")

    def _check_ids(self) -> None:
        seen: dict[int, str] = {}
        for name, at in self.specials.items():
            if at is None:
                continue
            if at in seen:
                raise VocabularyError(f"special tokens {seen[at]!r} and {name!r} both claim id {at}: move one")
            if not 256 <= at < self.size:
                raise VocabularyError(
                    f"special token {name!r}: id {at} is not within 256..{self.size - 1} (bytes come first): move it"
                )
            seen[at] = name
        if self.bpe is None:
            return
        for at, name in sorted(seen.items()):
            if at < self.bpe:
                raise VocabularyError(
                    f"special token {name!r}: id {at} lies among the {self.bpe} ids of bytes and merges: move it"
                )
        if self.bpe + self.reserved + len(self.specials) > self.size:
            raise VocabularyError(
                f"{self.bpe} tokens, {self.reserved} reserved slots and {len(self.specials)} special tokens are more "
                f"than {self.size}: lower bpe, or raise the size"
            )


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A layout with its merges: what each id stands for. Raises VocabularyError if they don't belong together."""

    layout: Layout
    merges: tuple[Merge, ...]

    def __post_init__(self) -> None:
        tokens = self.tokens()
        if len(tokens) != self.layout.merged:
            raise VocabularyError(
                f"the merges make {len(tokens)} tokens, and the layout holds {self.layout.merged}: "
                "train as many as the layout has room for"
            )
        plain = set(tokens)
        for name in self.layout.specials:
            if name.encode() in plain:
                raise VocabularyError(f"special token {name!r} was also learned from the text: rename it")

    def tokens(self) -> list[bytes]:
        """The bytes of ids 0 .. merged - 1."""
        tokens = dict.fromkeys(bytes([byte]) for byte in BYTE_OF_ID)
        for left, right in self.merges:
            if left not in tokens or right not in tokens:
                raise VocabularyError(f"merge {left!r} {right!r} joins what no merge before it has made")
            tokens[left + right] = None
        return list(tokens)
