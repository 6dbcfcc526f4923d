"""The ids of a vocabulary: which ids are bytes and merges, which are special tokens, and which are empty slots.

    0 .. 255              the bytes, in the order of `model.alphabet`
    256 .. merged - 1     the products of the merges, in the order of the merges: id = rank, as tiktoken requires
    merged .. size - 1    reserved slots `<|reserved_0|>`, ... and special tokens without a fixed id, in the first free
                          ids; special tokens with a fixed id; `<|unused_0|>`, `<|unused_1|>`, ... in all other ids

Every id has a name, because engines number differently where there are holes: `tokenizers` 0.23 ignores the ids of
added tokens in the file and gives them the ids that follow the vocabulary, without a warning (`<|bos|>` at 32,760 over
32,000 tokens becomes 32,004), while other engines use the ids of the file. Names are ASCII, because added tokens pass
through the byte-level decoder, which maps other characters to other bytes (tokenizers issue 1392).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenization.errors import VocabularyError

MAX_SIZE = 1 << 24  # ids are stored in 16 or 32 bits; a larger size is taken for a mistake
ROLES = {"bos": "<|bos|>", "eos": "<|eos|>", "pad": "<|pad|>"}
"""The default name of the special token in each role."""


@dataclass(frozen=True, slots=True)
class VocabularyLayout:
    """The sizes and special tokens of a vocabulary, as given in a recipe.

    `size`: number of ids. `specials`: names of special tokens in order, each with its id, or None for the next free
    id. `reserved`: number of reserved slots. `bpe`: number of ids of bytes and merges; None for all ids that remain
    below the lowest fixed id. `bos`, `eos`, `pad`: special tokens in these roles; None for the token with the default
    name, if it exists.

    Raises VocabularyError on construction if the values are inconsistent.
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
            raise VocabularyError(f"vocab_size = {self.size}: choose from 256 to {MAX_SIZE:,}")
        if self.reserved < 0:
            raise VocabularyError(f"reserved = {self.reserved}: choose 0 or more")
        self._check_names()
        self._check_ids()
        least = 256 + len(self.specials) + self.reserved
        if self.size < least:
            raise VocabularyError(
                f"a vocabulary of {self.size} is too small for 256 bytes, {len(self.specials)} special tokens and "
                f"{self.reserved} reserved slots: choose {least} or more"
            )
        if self.merged < 256:
            raise VocabularyError(
                f"{self.merged} ids remain for bytes and merges, but the bytes need 256: "
                "raise the fixed ids of special tokens, or reserve fewer slots"
            )

    @property
    def merged(self) -> int:
        """The number of ids of bytes and merges."""
        if self.bpe is not None:
            return self.bpe
        fixed = [token_id for token_id in self.specials.values() if token_id is not None]
        lowest = min(fixed, default=self.size)
        free_above = self.size - lowest - len(fixed)
        floating = self.reserved + len(self.specials) - len(fixed)
        return lowest - max(0, floating - free_above)

    def roles(self) -> dict[str, str]:
        """Return the special token of each role (bos, eos, pad) that has one."""
        given = {"bos": self.bos, "eos": self.eos, "pad": self.pad}
        names = {role: given[role] or usual for role, usual in ROLES.items()}
        return {role: name for role, name in names.items() if name in self.specials}

    def names(self) -> tuple[str, ...]:
        """Return the names of the ids from `merged` to `size - 1`, in order."""
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
                raise VocabularyError(f"special token {name!r} is also a byte: choose a longer name")
            if name.startswith(("<|reserved_", "<|unused_")):
                raise VocabularyError(
                    f"special token {name!r}: such names are reserved for empty slots; choose another"
                )
        for role, name_of_role in (("bos", self.bos), ("eos", self.eos), ("pad", self.pad)):
            if name_of_role is not None and name_of_role not in self.specials:
                raise VocabularyError(f"{role}: {name_of_role!r} is not a special token: add it to the special tokens")

    def _check_ids(self) -> None:
        seen: dict[int, str] = {}
        for name, token_id in self.specials.items():
            if token_id is None:
                continue
            if token_id in seen:
                raise VocabularyError(
                    f"special tokens {seen[token_id]!r} and {name!r} both have the id {token_id}: change one"
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
                    f"special token {name!r}: id {token_id} is one of the {self.bpe} ids of bytes and merges: choose "
                    "a higher id"
                )
        if self.bpe + self.reserved + len(self.specials) > self.size:
            raise VocabularyError(
                f"{self.bpe} tokens, {self.reserved} reserved slots and {len(self.specials)} special tokens are more "
                f"than {self.size}: lower merged, or raise vocab_size"
            )
