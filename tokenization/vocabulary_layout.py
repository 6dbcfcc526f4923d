"""."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenization.errors import VocabularyError

MAX_SIZE = 1 << 24  # ids are stored in 16 or 32 bits; a larger size is taken for a mistake
ROLES = {"bos": "<|bos|>", "eos": "<|eos|>", "pad": "<|pad|>"}
"""."""


@dataclass(frozen=True, slots=True)
class VocabularyLayout:
    """What a vocabulary holds, as a recipe says it.

    `specials`: names of special tokens, in order, each with its id or None for the next free one.
    `reserved`: how many slots to keep for later. `bpe`: how many ids bytes and merges take; None for all that
    the others leave below the lowest fixed id. `bos`, `eos`, `pad`: the special tokens in these roles; None for
    the one of the usual name, where there is one.

    Raises VocabularyError, on construction, for anything that can't be.
    """

    size: int
    specials: Mapping[str, int | None] = field(default_factory=lambda: dict.fromkeys(ROLES.values()))
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
        fixed = [token_id for token_id in self.specials.values() if token_id is not None]
        lowest = min(fixed, default=self.size)
        free_above = self.size - lowest - len(fixed)
        floating = self.reserved + len(self.specials) - len(fixed)
        return lowest - max(0, floating - free_above)

    def roles(self) -> dict[str, str]:
        """The special token in each role (bos, eos, pad) that is filled."""
        given = {"bos": self.bos, "eos": self.eos, "pad": self.pad}
        names = {role: given[role] or usual for role, usual in ROLES.items()}
        return {role: name for role, name in names.items() if name in self.specials}

    def names(self) -> tuple[str, ...]:
        """The names of all ids from `merged` on, in order."""
        taken = {token_id: name for name, token_id in self.specials.items() if token_id is not None}
        free = iter([token_id for token_id in range(self.merged, self.size) if token_id not in taken])
        for slot in range(self.reserved):
            taken[next(free)] = f"<|reserved_{slot}|>"
        for name, token_id in self.specials.items():
            if token_id is None:
                taken[next(free)] = name
        for number, token_id in enumerate(free):
            taken[token_id] = f"<|unused_{number}|>"
        return tuple(taken[token_id] for token_id in range(self.merged, self.size))

    def _check_names(self) -> None:
        for name in self.specials:
            if not name or not all("!" <= char <= "~" for char in name):
                raise VocabularyError(f"special token {name!r}: write it in printable ASCII without spaces")
            if len(name) == 1:
                raise VocabularyError(f"special token {name!r} is a byte of the vocabulary: give it a longer name")
            if name.startswith(("<|reserved_", "<|unused_")):
                raise VocabularyError(f"special token {name!r}: such names are given to empty slots; choose another")
        for role, name_of_role in (("bos", self.bos), ("eos", self.eos), ("pad", self.pad)):
            if name_of_role is not None and name_of_role not in self.specials:
                raise VocabularyError(f"{role}: {name_of_role!r} is none of the special tokens: add it there")

    def _check_ids(self) -> None:
        seen: dict[int, str] = {}
        for name, token_id in self.specials.items():
            if token_id is None:
                continue
            if token_id in seen:
                raise VocabularyError(
                    f"special tokens {seen[token_id]!r} and {name!r} both claim id {token_id}: move one"
                )
            if not 256 <= token_id < self.size:
                raise VocabularyError(
                    f"special token {name!r}: id {token_id} is outside 256..{self.size - 1} (the first 256 ids are "
                    "bytes): choose an id in this range"
                )
            seen[token_id] = name
        if self.bpe is None:
            return
        for token_id, name in sorted(seen.items()):
            if token_id < self.bpe:
                raise VocabularyError(
                    f"special token {name!r}: id {token_id} lies among the {self.bpe} ids of bytes and merges: move it"
                )
        if self.bpe + self.reserved + len(self.specials) > self.size:
            raise VocabularyError(
                f"{self.bpe} tokens, {self.reserved} reserved slots and {len(self.specials)} special tokens are more "
                f"than {self.size}: lower bpe, or raise the size"
            )
