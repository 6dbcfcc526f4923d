"""An independent computation of a tokenizer's figures, one document and one word at a time."""

import math
import unicodedata
from collections import Counter

from tokenization.model import Tokenizer


def letter_runs(text: str) -> list[tuple[int, int]]:
    runs, begin = [], None
    for index, char in enumerate([*text, ""]):
        inside = char != "" and unicodedata.category(char)[0] in "LM"
        if inside and begin is None:
            begin = index
        if not inside and begin is not None:
            runs.append((begin, index))
            begin = None
    return runs


def slowly(tokenizer: Tokenizer, texts: list[str]) -> dict[str, float]:
    uses: Counter[int] = Counter()
    runs = split = 0
    types: dict[str, bool] = {}
    for text in texts:
        ids = tokenizer.encode(text)
        uses.update(ids)
        ends, size = set(), 0
        for token in ids:
            size += len(tokenizer.pieces[token])
            ends.add(size)
        for begin, end in letter_runs(text):
            first, last = len(text[:begin].encode()), len(text[:end].encode())
            runs += 1
            split += any(first < place < last for place in ends)
            types[text[begin:end]] = len(tokenizer.encode(" " + text[begin:end])) == 1
    tokens = sum(uses.values())
    standing = sum(1 for piece in tokenizer.pieces if piece)
    power = sum((count / tokens) ** 2.5 for count in uses.values())
    return {
        "tokens_per_word": tokens / sum(len(text.split()) for text in texts),
        "chars_per_token": sum(map(len, texts)) / tokens,
        "bytes_per_token": sum(len(text.encode()) for text in texts) / tokens,
        "words_split": split / runs if runs else 0.0,
        "types_whole": sum(types.values()) / len(types) if types else 0.0,
        "renyi_efficiency": math.log(power) / (1 - 2.5) / math.log(standing),
        "vocabulary_used": len(uses) / standing,
        "under_trained": 1 - sum(count >= 10 for count in uses.values()) / standing,
        "byte_fragments": sum(
            count for token, count in uses.items() if tokenizer.pieces[token].decode(errors="replace").count("\ufffd")
        )
        / tokens,
    }
