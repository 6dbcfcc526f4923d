"""Tokenizers: arcorp's own and others' byte-level BPE, opened by path or name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from arcorp.failures import failures


class Tokenizer:
    """A byte-level BPE tokenizer.

    Args:
        path: a folder with a tokenizer.json, such a file, a .tiktoken file, or the name of a tiktoken encoding.

    Raises:
        Failure: a file that is missing, or is no byte-level BPE.

    Examples:
        >>> tokenizer = arcorp.Tokenizer("out/demo/tokenizer")
        >>> tokenizer.decode(tokenizer.encode("السلام عليكم"))
        'السلام عليكم'
    """

    def __init__(self, path: str | Path) -> None:
        from tokenization.model import open_tokenizer

        with failures():
            self._tokenizer = open_tokenizer(path)
        self.path = str(path)

    def __repr__(self) -> str:
        return f"Tokenizer({self.path!r}, {len(self):,} ids)"

    def __len__(self) -> int:
        """Number of ids, special tokens included."""
        return self._tokenizer.vocab_size

    @property
    def specials(self) -> dict[str, int]:
        """Ids of the special tokens by name."""
        return dict(self._tokenizer.specials)

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text. Names of special tokens in the text stay text.

        Raises:
            Failure: the text holds lone surrogates.
        """
        with failures():
            return self._tokenizer.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids. Special tokens appear by name, bytes that form no character as U+FFFD."""
        return self._tokenizer.decode(ids)

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text as strings, for looking at.

        Examples:
            >>> "".join(tokenizer.tokens("السلام عليكم"))
            'السلام عليكم'
        """
        return [self.decode([token]) for token in self.encode(text)]
