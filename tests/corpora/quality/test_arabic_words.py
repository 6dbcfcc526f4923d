"""Words are the same as spaCy's; the data file agrees with the installed spaCy."""

import json
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import spacy
from bulk import texts
from hypothesis import example, given
from hypothesis import strategies as st
from spacy.lang.tokenizer_exceptions import URL_MATCH

from corpora.quality import arabic_words_build as word_facts
from corpora.quality.arabic_words import code_points, split
from corpora.quality.arabic_words_tables import tables
from corpora.quality.arabic_words_urls import is_url

TOKENIZER = spacy.blank("ar").tokenizer
FACTS = json.loads(word_facts.FILE.read_bytes())

PIECES = [
    *"\n \t\u00a0#$%()*+,-./08125:;<=>?@DOPX[\\]^_{|}~aZé²°«»·…—–’‘“”",
    *"،؛؟٪٠٣ابتدسصقمهـنَ\u200f\u200c\u06d4\ufeff\ufdfa\U0001f600",
    *("..", "...", "--", "——", "://", "http", "www.", ".com", ".هـ", "كم", "كم²", "US$", "C$", "م. س", "ب. م", "م. ن"),
    *(
        "10.0.0.1",
        "8.8.8.8",
        "8.8.8.256",
        "172.16.1.1",
        "172.32.1.1",
        "example.org",
        ":80",
        "/x",
        "مثال.موقع",
        "a@b.co",
    ),
    *FACTS["specials"],
]
STRINGS = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def spacy_words(text: str) -> list[str]:
    """Return spaCy's words as datatrove uses them, without white space."""
    return [token.text.strip() for token in TOKENIZER(text) if token.text.strip()]


@given(STRINGS)
@example("): (:  °C. 5°C. (°C.) م. س. ق.م.")
@example("عليهم». عليهم. 10كم ١٠كم 5$ 5US$ US$5 +5 5+ +a")
@example("a :) b : ) c:) (8) :\n) :  )")
@example("مرحبا...وبعد…ثم.كذا،وكذا-أو/هنا:هناك a--b a---b a----b")
def test_words_of_any_string_are_spacys(text: str) -> None:
    assert split(text) == spacy_words(text)


@given(st.text(max_size=40))
def test_words_of_any_characters_are_spacys(text: str) -> None:
    assert split(text) == spacy_words(text)


def test_words_of_real_documents_are_spacys(samples: Path) -> None:
    compared = 0
    for name, text in texts(samples, 8):
        assert split(text[:20_000]) == spacy_words(text[:20_000]), name
        compared += 1
    assert compared == 9 * 8


ADDRESSES = st.lists(
    st.sampled_from(
        [*"aZ9٣.:/@-_?#اé\U00020000", "http", "://", "10", "127", "172", "169.254", "192.168", "255", "com"]
    ),
    min_size=1,
    max_size=12,
).map("".join)


@given(ADDRESSES)
@example("http://user:pass@example.com:8080/x?y#z")
@example("1.2.3.4:80/a")
@example("172.2٣.1.1")
@example("a@@b.co")
@example("a" * 64 + ".com")
@example("a" * 65 + ".com")
@example("a." + "b" * 64)
def test_a_text_is_an_address_if_and_only_if_spacys_pattern_matches(text: str) -> None:
    assert is_url(code_points(text), 0, len(text), tables().classes) == bool(URL_MATCH(text))


def test_the_data_file_agrees_with_the_installed_spacy() -> None:
    versions = FACTS["made with"]
    if (versions["spaCy"], versions["Unicode"]) != (spacy.__version__, unicodedata.unidata_version):
        pytest.skip(f"the data file was written with spaCy {versions['spaCy']} and Unicode {versions['Unicode']}")
    assert word_facts.facts() == FACTS


@pytest.mark.fault(16)
def test_a_very_long_chunk_without_spaces_is_split_completely() -> None:
    for chunk in ("ا", ")", ".", "a.b:c", "(:", "@a.", "-8", "5كم"):
        text = chunk * (100_000 // len(chunk))
        assert sum(map(len, split(text))) == len(text)


def test_code_points_are_those_of_the_string() -> None:
    text = "aé\u0627\U0001f600\x00"
    assert np.array_equal(code_points(text), [ord(char) for char in text])
    assert split("a\u00a0b\x00c") == ["a", "b\x00c"]
