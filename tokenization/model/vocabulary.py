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

from dataclasses import dataclass

from tokenization.errors import VocabularyError
from tokenization.model.alphabet import BYTE_OF_ID
from tokenization.vocabulary_layout import VocabularyLayout

Merge = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A layout with its merges: what each id stands for. Raises VocabularyError if they don't belong together."""

    layout: VocabularyLayout
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
