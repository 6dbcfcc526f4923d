"""Four engines that must give the same ids: fastokens as Encoder uses it, the others as other programs open them."""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import tiktoken
from hypothesis import strategies as st
from tiktoken.load import load_tiktoken_bpe
from transformers import AutoTokenizer

from tokenization.model import GOLDEN_SENTENCES, Encoder, Tokenizer

Engines = dict[str, Callable[[str], list[int]]]


def engines(path: Path) -> Engines:
    """Return the engines by name."""
    tokenizer = Tokenizer.load(path)
    meta = json.loads((path / "tokenizer_meta.json").read_bytes())
    auto = AutoTokenizer.from_pretrained(str(path))
    encoder = Encoder(tokenizer)
    ranks = tiktoken.Encoding(
        "arcorp",
        pat_str=meta["pattern"],
        mergeable_ranks=load_tiktoken_bpe(str(path / "tokenizer.tiktoken")),
        special_tokens=meta["layout"]["specials"],
    )
    return {
        "tokenizers": tokenizer.encode,
        "AutoTokenizer": lambda text: list(auto(text, split_special_tokens=True)["input_ids"]),
        "fastokens": lambda text: [
            id_ for batch in encoder.encode_part([text], "p").batches for id_ in batch.ids.tolist()
        ],
        "tiktoken": ranks.encode_ordinary,
    }


def agreed(opened: tuple[Tokenizer, Engines], text: str) -> None:
    tokenizer, encoders = opened
    ids = {name: encode(text) for name, encode in encoders.items()}
    assert len({tuple(each) for each in ids.values()}) == 1, ids
    assert tokenizer.decode(ids["tokenizers"]) == text
    assert not set(ids["tokenizers"]) & set(tokenizer.specials.values())
    assert int(tokenizer.token_bytes[ids["tokenizers"]].sum()) == len(text.encode())
    assert int(tokenizer.token_chars[ids["tokenizers"]].sum()) == len(text)


PIECES = [
    *GOLDEN_SENTENCES,
    *("<|bos|>", "<|eos|>", "<|unused_0|>", "<|reserved_7|>", "<|", "|>"),
    *("'s", "'S", "'ſ", "'LL", "''", "\u0651", "\u064b\u0651", "\u0640", "\u200f", "\u200c", "\ufeff"),
    *(
        "\x00",
        "\r\n",
        "\n\n ",
        "  ",
        "\t",
        "\u00a0",
        "\u2028",
        "\x1c",
        "\x85",
        "\u180e",
        "\u200b",
        "\u2060",
        "١٢٣",
        "²³",
        "Ⅷ",
    ),
    *("👩‍👩‍👧", "🇸🇦", "\U000e0067", "\U0010ffff", "ﷺ", "ﻻ", "لا", "e\u0301", "各", "ǅ"),
]
AWKWARD = st.sampled_from(PIECES)

_BEFORE = [
    "",
    "",
    "و",
    "ف",
    "ال",
    "وال",
    "بال",
    "كال",
    "فبال",
    "لل",
    "ولل",
    "س",
    "ه",
    "«",
    "(",
    "ـ",
    "'",
    "'s",
    "3",
    "x",
]
_AFTER = ["", "", "ة", "ات", "ها", "هما", "هم", "كم", "ية", "ًا", "ـ", "ةَ", "x", "ه", "،", "-", "\u200c"]


def fuzzed(count: int, seed: int) -> Iterator[str]:
    """Strings made to part engines: Arabic words with clitics and marks astray, awkward pieces, any code points."""
    draw = random.Random(seed)
    for _ in range(count):
        parts = []
        for _ in range(draw.randrange(1, 12)):
            kind = draw.random()
            if kind < 0.55:
                stem = "".join(draw.choices("ابتجدرسشعفقكلمنهويةىء", k=draw.randrange(0, 7)))
                if draw.random() < 0.15:
                    stem = "".join(letter + draw.choice("\u064e\u0651\u0640\u0301") for letter in stem)
                parts += [draw.choice(_BEFORE), stem, draw.choice(_AFTER), draw.choice(["", " ", " ", "\n"])]
            elif kind < 0.85:
                parts.append(draw.choice(PIECES))
            else:
                points = [draw.randrange(0x110000 - 0x800) for _ in range(draw.randrange(1, 5))]
                parts.append("".join(chr(point + 0x800 * (point >= 0xD800)) for point in points))  # no surrogates
        yield "".join(parts)
