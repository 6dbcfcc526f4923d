"""Splitting of a long text into pieces whose ids, concatenated, are the ids of the whole text.

With this, the memory for encoding does not grow with the length of a document. The patterns of `pattern` always begin
a new piece at a space between two letters, whatever surrounds them, and merges never cross the ends of pieces. So a
text can be split there. For tokenizers with other patterns this is unknown, so their texts are not split. A text
without such a space is not split either.
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
    """Return whether the pieces of this tokenizer are determined by a pattern of this package alone."""
    ours = {pretoken_pattern(digits, clitics=apart) for digits in range(1, MAX_DIGITS + 1) for apart in (False, True)}
    config = tokenizer.config
    added = config["added_tokens"]
    return tokenizer.pattern in ours and not config.get("normalizer") and all(token["special"] for token in added)


def split_text(text: str, min_chars: int) -> Iterator[str]:
    """Yield consecutive pieces of the text. All but the last have at least `min_chars` characters, and few more."""
    begin = 0
    while begin < len(text):
        match = _SPLIT_POINT.search(text, begin + max(1, min_chars))
        end = match.start() if match else len(text)
        yield text[begin:end]
        begin = end
