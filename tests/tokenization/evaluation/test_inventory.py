"""The figures of a vocabulary equal an independent count, one token at a time."""

import json
from collections import Counter

import numpy as np
import pytest

from tokenization.evaluation import describe_vocabulary, script_of
from tokenization.model import PATTERNS, Encoder, Tokenizer, tokenizer_of_ranks


def test_figures_equal_a_count_token_by_token(small: Tokenizer) -> None:
    figures = describe_vocabulary(Encoder(small))
    assert json.loads(json.dumps(figures)) == figures
    pieces = [piece for piece in small.pieces if piece]
    whole = [piece.decode() for piece in pieces if piece.decode(errors="replace").encode() == piece]
    assert (figures["size"], figures["text"], figures["specials"]) == (4_096, len(pieces), 3)
    assert figures["bytes"]["mean"] == pytest.approx(sum(map(len, pieces)) / len(pieces))
    assert figures["bytes"]["deviation"] == pytest.approx(float(np.std(list(map(len, pieces)))))
    assert sum(figures["chars"].values()) == len(whole)
    assert figures["chars"]["3"] == Counter(map(len, whole))[3]
    assert figures["fragments"] == pytest.approx(1 - len(whole) / len(pieces))
    assert sum(figures["scripts"].values()) == pytest.approx(1)
    arabic = sum(
        "\u0620" <= text.strip()[:1] <= "\u06ff" and text.strip()[:1] not in "،؛؟٪٠١٢٣٤٥٦٧٨٩" for text in whole
    )
    assert figures["scripts"]["Arabic"] == pytest.approx(arabic / len(pieces), abs=0.01)
    alone = [text for text in whole if small.encode(text) != [small.pieces.index(text.encode())]]
    assert figures["unreachable"] == {"tokens": len(alone), "first": alone[:12]}
    assert figures["digits"]["ASCII"] == [small.decode([token]) for token in small.encode("1234567")]
    assert figures["indents"]["4"] == len(small.encode("x\n    x")) - len(small.encode("x\nx"))


def test_a_token_that_its_own_text_does_not_give_is_found() -> None:
    ranks = {bytes([byte]): byte for byte in range(256)} | {b"a b": 256, b"ab": 257}
    figures = describe_vocabulary(Encoder(tokenizer_of_ranks(ranks, PATTERNS["gpt2"], {}, "made up", {})))
    assert figures["unreachable"] == {
        "tokens": 1,
        "first": ["a b"],
    }  # no pre-token has an inner space


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(
            (" كتاب", "Arabic"),
            ("the", "Latin"),
            ("各", "Han"),
            ("한", "Hangul"),
            ("жук", "Cyrillic"),
            ("αβ", "Greek"),
        ),
        *(
            ("12", "digits"),
            ("٣", "digits"),
            ("  \n", "spaces"),
            ("،", "signs"),
            ("\u064e", "Arabic"),
            ("\x00", "signs"),
        ),
    ],
)
def test_scripts_are_those_of_the_first_letter(text: str, expected: str) -> None:
    assert script_of(text) == expected
