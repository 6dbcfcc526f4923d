"""A vocabulary: its layout, and the merges that make its tokens."""

from __future__ import annotations

from dataclasses import dataclass

from tokenization.errors import VocabularyError
from tokenization.model.alphabet import BYTE_OF_ID
from tokenization.vocabulary_layout import VocabularyLayout

Merge = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A layout with its merges. Raises VocabularyError if their numbers of tokens differ."""

    layout: VocabularyLayout
    merges: tuple[Merge, ...]

    def __post_init__(self) -> None:
        tokens = self.tokens()
        if len(tokens) != self.layout.merged:
            raise VocabularyError(
                f"the merges make {len(tokens)} tokens, but the layout has {self.layout.merged}: "
                "train as many tokens as the layout has"
            )
        plain = set(tokens)
        for name in self.layout.specials:
            if name.encode() in plain:
                raise VocabularyError(f"special token {name!r} was also learned from the text: rename it")

    def tokens(self) -> list[bytes]:
        """Return the bytes of ids 0 .. merged - 1, in order. Raises VocabularyError for a merge of unknown tokens."""
        tokens = dict.fromkeys(bytes([byte]) for byte in BYTE_OF_ID)
        for left, right in self.merges:
            if left not in tokens or right not in tokens:
                raise VocabularyError(
                    f"merge {left!r} {right!r} uses a token that no earlier merge makes; train the merges again"
                )
            tokens[left + right] = None
        return list(tokens)
