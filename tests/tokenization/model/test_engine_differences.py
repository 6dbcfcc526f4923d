"""The code points that engines split differently are all found, and no document that has one gets other ids."""

import json
import unicodedata

import numpy as np
import pytest
from everything import EVERY
from hypothesis import given
from hypothesis import strategies as st

from tokenization.model import Encoder, Tokenizer
from tokenization.model.engine_differences import (
    KNOWN,
    KNOWN_VERSIONS,
    MOST,
    engine_differences,
    engine_versions,
    pretokenizer_key,
    probe,
)
from tokenization.model.pattern import split_config

BLOCKS = range(0, 0x110000, 256) if EVERY == 1 else [0, 0x300, 0x600, 0x1800, 0x2000, 0x3000, 0xFE00, 0xFF00, 0xE0000]
PATTERNS = {
    "words": r"\w+|\s+|[^\w\s]+",
    "marks": r"\p{Lu}?\p{Ll}+|\p{M}+|\p{Z}+|.",
    "blanks": r"\s+\S*|\S+",
    "folded": r"(?i:k|å|ß|ss)+|\p{L}+|\s+",
    "posix": r"[[:alpha:]]+|[[:space:]]+|[[:punct:]]+|[^[:alpha:][:space:][:punct:]]+",
}


def foreign(small: Tokenizer, pattern: str) -> Tokenizer:
    config = {**json.loads(small.json), "pre_tokenizer": split_config(pattern)}
    return Tokenizer(json.dumps(config).encode(), name="foreign", meta={}, roles={})


def encoded(encoder: Encoder, texts: list[str]) -> list[list[int]]:
    ids: list[list[int]] = []
    for batch in encoder.encode_part(texts, "p").batches:
        ids += [each.tolist() for each in np.split(batch.ids, np.cumsum(batch.tokens)[:-1])]
    return ids


def test_stored_results_are_those_of_the_engines_that_are_installed() -> None:
    assert engine_versions() == KNOWN_VERSIONS


@pytest.mark.parametrize("key", KNOWN)
def test_stored_results_are_found_again(key: str) -> None:
    """Blocks of signs, marks, digits and spaces; ARCORP_EVERY=1 tries all code points."""
    assert probe(key, BLOCKS) == KNOWN[key]


@pytest.fixture(scope="module", params=PATTERNS if EVERY == 1 else ["blanks"])
def encoder(request: pytest.FixtureRequest, small: Tokenizer) -> Encoder:
    return Encoder(foreign(small, PATTERNS[request.param]))


def test_every_code_point_beside_any_kind_of_text_has_the_ids_of_the_reference(encoder: Encoder) -> None:
    """One context, drawn for each code point; the contexts of the search are others."""
    draw = np.random.default_rng(7)
    around = ["", "ab", "كتاب", "  ", "12", "\u0651", "\n", "I'", "?!", "وال", "ها", "\u00a0"]
    points = [chr(point) for point in range(0x30000) if not 0xD800 <= point < 0xE000]
    points = [point for point in points if unicodedata.category(point) not in ("Lo", "Cn", "Co")]
    pairs = draw.integers(len(around), size=(len(points), 2)).tolist()
    texts = [f"{around[a]}{point}{around[b]}" for point, (a, b) in zip(points, pairs, strict=True)]
    assert encoded(encoder, texts) == [encoder.tokenizer.encode(text) for text in texts]


@given(
    st.text(
        st.sampled_from(" \n'sk1كاه\u064eſKÅßẞ\u180e\u200b\u2060\u0085\u2028_‿²Ⅷ٣َـﷺ\ufeff\U0001f1ea\U000e0020"),
        max_size=40,
    )
)
def test_code_points_that_engines_dispute_have_the_ids_of_the_reference(encoder: Encoder, text: str) -> None:
    assert encoded(encoder, [text, "و", text]) == [encoder.tokenizer.encode(each) for each in (text, "و", text)]


def test_documents_are_counted_that_the_reference_encodes(small: Tokenizer) -> None:
    encoder = Encoder(foreign(small, PATTERNS["blanks"]))
    texts = ["ذهب الولد", "ذهب  \u180e الولد", *["نص"] * 2_000, "\u180e", *["نص \u180e"] * 2_000]
    part = encoder.encode_part(texts, "p")
    assert (part.engine, part.disagreed, part.by_reference) == ("fastokens", 0, 2_002)
    assert encoded(encoder, texts) == [encoder.tokenizer.encode(text) for text in texts]


def test_a_pattern_that_engines_split_differently_everywhere_is_left_to_the_reference(small: Tokenizer) -> None:
    record = {"versions": engine_versions(), "differ": None}
    tokenizer = Tokenizer(small.json, name="foreign", meta={"engines": record}, roles={})
    encoder = Encoder(tokenizer)
    assert str(MOST) in str(encoder.refused)
    part = encoder.encode_part(["نص", "a"], "p")
    assert (part.engine, part.by_reference) == ("tokenizers", 2)


def test_a_stored_result_of_other_versions_is_not_used() -> None:
    config = json.loads(next(iter(KNOWN)))
    stored = {"versions": {**KNOWN_VERSIONS, "fastokens": "0.3.4"}, "differ": "x"}
    assert pretokenizer_key(config) in KNOWN
    assert engine_differences(config, stored) == KNOWN[pretokenizer_key(config)]
    assert engine_differences(config, {"versions": engine_versions(), "differ": "x"}) == "x"
    assert engine_differences(config, {"versions": engine_versions(), "differ": 7}) == KNOWN[pretokenizer_key(config)]
