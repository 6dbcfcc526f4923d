"""The contents of a vocabulary, without any text: lengths, scripts, digits, white space, unreachable tokens.

Some are a choice (whether 1234567 is one token or seven), some are waste: a token that is not the encoding of its own
text occurs only next to certain other text, if at all (Land & Bartolo 2024, *Fishing for Magikarp*).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from itertools import accumulate
from typing import Any

import numpy as np

from tokenization.evaluation.token_counts import is_whole_characters
from tokenization.model import Encoder, Tokenizer

DIGITS = {"ASCII": "1234567", "Arabic-Indic": "١٢٣٤٥٦٧"}
INDENTS = (1, 2, 4, 8, 16)
LONGEST = 16  # characters; longer tokens are counted as this length


def describe_vocabulary(encoder: Encoder) -> dict[str, Any]:
    """Return the figures of a vocabulary as JSON.

    `size`: number of ids. `text`: ids that represent text. `bytes`: least, most, mean and standard deviation of a
    token's length (nanochat's `token_bytes`). `chars`: number of tokens by length in characters, up to LONGEST, which
    includes longer ones. `scripts`: shares of the tokens of text by the script of the first letter, otherwise by kind.
    `fragments`: share of tokens that are not whole characters. `unreachable`: number of whole tokens that are not the
    encoding of their own text, and the first of them. `digits`: the pieces of runs of seven digits. `indents`: tokens
    for a number of spaces at the beginning of a line.
    """
    tokenizer = encoder.tokenizer
    pieces = [piece for piece in tokenizer.pieces if piece]
    sizes = np.array([len(piece) for piece in pieces])
    texts = [piece.decode(errors="replace") for piece in pieces]
    whole = [text.encode() == piece for text, piece in zip(texts, pieces, strict=True)]
    kinds = Counter(script_of(text) if decodes else "bytes" for text, decodes in zip(texts, whole, strict=True))
    lengths = Counter(min(len(text), LONGEST) for text, decodes in zip(texts, whole, strict=True) if decodes)
    unreachable = _unreachable(encoder)
    baseline = len(tokenizer.encode("x\nx"))
    return {
        "size": tokenizer.vocab_size,
        "text": len(pieces),
        "specials": len(tokenizer.specials),
        "bytes": {
            "least": int(sizes.min()),
            "most": int(sizes.max()),
            "mean": float(sizes.mean()),
            "deviation": float(sizes.std()),
        },
        "chars": {str(length): lengths[length] for length in sorted(lengths)},
        "scripts": {name: count / len(pieces) for name, count in kinds.most_common()},
        "fragments": kinds["bytes"] / len(pieces),
        "unreachable": {
            "tokens": len(unreachable),
            "first": [tokenizer.pieces[token].decode() for token in unreachable[:12]],
        },
        "digits": {name: _pieces(tokenizer, run) for name, run in DIGITS.items()},
        "indents": {str(spaces): len(tokenizer.encode(f"x\n{' ' * spaces}x")) - baseline for spaces in INDENTS},
    }


def script_of(text: str) -> str:
    """Return the script of the first letter or mark; for text without one: digits, spaces or signs."""
    for char in text:
        if unicodedata.category(char)[0] in "LM":
            name = unicodedata.name(char, "OTHER").split()[0]
            return {"CJK": "Han", "MODIFIER": "Other", "COMBINING": "Other", "FEMININE": "Latin"}.get(
                name, name.title() if name.isalpha() else "Other"
            )
    if any(char.isnumeric() for char in text):
        return "digits"
    return "spaces" if not text.strip() else "signs"


def _unreachable(encoder: Encoder) -> list[int]:
    """Return the ids of whole characters that are not the encoding of their own text."""
    tokenizer = encoder.tokenizer
    if tokenizer.spelling.kind != "byte-level":  # a token alone in a text has a space before it
        tokens = [token for token, piece in enumerate(tokenizer.pieces) if piece and is_whole_characters(piece)]
        return [token for token in tokens if tokenizer.ids_of_token(token) != [token]]
    candidates, texts = [], []
    for token, piece in enumerate(tokenizer.pieces):
        text = piece.decode(errors="replace")
        if piece and text.encode() == piece:
            candidates.append(token)
            texts.append(text)
    unreachable: list[int] = []
    first = 0
    for batch in encoder.encode_part(texts, "").batches:
        begins = np.array([*accumulate(batch.tokens[:-1].tolist(), initial=0)])
        ids = candidates[first : first + len(batch.tokens)]
        alone = (batch.tokens == 1) & (batch.ids[np.minimum(begins, len(batch.ids) - 1)] == ids)
        unreachable += [token for token, is_alone in zip(ids, alone.tolist(), strict=True) if not is_alone]
        first += len(batch.tokens)
    return unreachable


def _pieces(tokenizer: Tokenizer, text: str) -> list[str]:
    first, *others = tokenizer.split(text)
    pieces = others if tokenizer.spelling.lead and not first else [first, *others]
    return [piece.decode(errors="replace") for piece in pieces]
