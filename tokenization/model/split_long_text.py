"""A long text in pieces whose ids, one after the other, are those of the whole: memory needn't grow with a document.

The patterns of `pattern` always begin a piece of their own at a space between two letters, whatever stands around
them, and merges never cross the ends of pieces. So a text may be cut there. Of tokenizers made elsewhere this isn't
known, and theirs are not cut; nor is a text without such a place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenization.model.pattern import pretoken_pattern
from tokenization.model.tokenizer import Tokenizer
from tokenization.options import MAX_DIGITS

_LETTER = "[A-Za-z\u0621-\u063a\u0641-\u064a]"
_SPLIT_POINT = re.compile(f"(?<={_LETTER}) (?={_LETTER})")


def can_split(tokenizer: Tokenizer) -> bool:
    """Whether nothing but a pattern of ours decides where this tokenizer's pieces end."""
    ours = {pretoken_pattern(digits, clitics=apart) for digits in range(1, MAX_DIGITS + 1) for apart in (False, True)}
    config = tokenizer.config
    added = config["added_tokens"]
    return tokenizer.pattern in ours and not config.get("normalizer") and all(token["special"] for token in added)


def split_text(text: str, min_chars: int) -> Iterator[str]:
    """The text, cut where it may be, in pieces of at least `least` characters, save the last, and hardly more."""
    begin = 0
    while begin < len(text):
        match = _SPLIT_POINT.search(text, begin + max(1, min_chars))
        end = match.start() if match else len(text)
        yield text[begin:end]
        begin = end
