"""Text of the demo corpus: it is reproducible, its vocabulary grows, and its Arabic is clean."""

import hashlib
import math
import re
import unicodedata
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpora import demo
from corpora.demo.spelling import bare

ARABIC = [name for name, register in demo.REGISTERS.items() if register.arabic]
WORD = re.compile("[ء-ي\u064b-\u0652\u0670]+")


@given(register=st.sampled_from(list(demo.REGISTERS)), seed=st.integers(0, 2**40), first=st.integers(0, 2**40))
def test_a_document_is_the_same_wherever_its_stream_begins_or_ends(register: str, seed: int, first: int) -> None:
    whole = list(demo.documents(register, 4, seed=seed, first=first))
    alone = [next(demo.documents(register, seed=seed, first=first + k)) for k in range(4)]
    assert whole == alone
    assert list(islice(demo.documents(register, seed=seed, first=first), 4)) == whole


def test_seeds_and_registers_give_different_documents() -> None:
    texts = [next(demo.documents(register, seed=seed)).text for register in demo.REGISTERS for seed in range(5)]
    assert len(set(texts)) == len(texts)


@pytest.mark.fault(27)
def test_the_same_bytes_are_generated_on_every_machine_and_version() -> None:
    digest = hashlib.sha256()
    for register in demo.REGISTERS:
        for document in demo.documents(register, 20, seed=7):
            digest.update(document.text.encode())
    assert digest.hexdigest() == "a7e4c8856f0426cca275bd78835e3cf6f3707356bc8f7b74f96cee96fd78ef58"


@pytest.mark.parametrize("register", demo.REGISTERS)
def test_a_stream_limited_in_characters_stops_after_the_document_that_reaches_the_limit(register: str) -> None:
    sizes = [len(document.text) for document in demo.documents(register, chars=20_000)]
    assert sum(sizes) >= 20_000 > sum(sizes[:-1])


def test_an_unknown_register_is_refused_with_the_list_of_registers() -> None:
    with pytest.raises(ValueError, match=r"'latin'.*msa, egyptian"):
        next(demo.documents("latin"))


@pytest.mark.parametrize("register", ARABIC)
def test_vocabulary_grows_as_a_power_of_the_text_between_a_half_and_seven_tenths(register: str) -> None:
    """Least squares of log types on log words (Heaps' law), from ten thousand words to more than a million."""
    vocabulary: set[str] = set()
    words, points, next_point = 0, [], 10_000
    for document in demo.documents(register, chars=7_000_000):
        for word in WORD.findall(bare(document.text)):
            words += 1
            vocabulary.add(word)
            if words == next_point:
                points.append((math.log(words), math.log(len(vocabulary))))
                next_point *= 2
    assert words > 1_000_000
    x, y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    exponent = sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)
    assert 0.5 <= exponent <= 0.7


@pytest.mark.parametrize("register", ARABIC)
def test_arabic_text_is_nfc_without_tatweel_latin_letters_or_separators(register: str) -> None:
    allowed = re.compile("[ء-غف-ي\u064b-\u0652\u06700-9 \n«»()،؛؟.:!%*–-]*")
    for document in demo.documents(register, 400):
        assert unicodedata.is_normalized("NFC", document.text)
        assert allowed.fullmatch(document.text), sorted(set(allowed.sub("", document.text)))
        assert not re.search(" [،؛؟.:!]|  |\n\n| \n|\n ", document.text)


def test_vocalised_documents_have_vowel_signs_and_others_have_none() -> None:
    kinds = {True: 0, False: 0}
    for document in demo.documents("classical", 300):
        kinds[document.vocalised] += 1
        if document.vocalised:
            words = WORD.findall(document.text)
            assert sum(word != bare(word) for word in words) > 0.97 * len(words)
        else:
            assert document.text == bare(document.text)
    assert 40 < kinds[True] < 120


@pytest.mark.parametrize("register", demo.REGISTERS)
def test_document_lengths_vary_widely(register: str) -> None:
    sizes = sorted(len(document.text) for document in demo.documents(register, 500))
    low, middle, high = sizes[50], sizes[250], sizes[450]
    assert high > 2.2 * middle > 2.2 * low
    assert len(set(sizes)) > 150


@pytest.mark.parametrize("register", demo.REGISTERS)
def test_documents_have_language_category_genre_and_title(register: str) -> None:
    for document in demo.documents(register, 20, seed=3):
        assert (document.language, document.category) == (
            demo.REGISTERS[register].language,
            demo.REGISTERS[register].category,
        )
        assert document.genre
        assert document.text.startswith(document.title)
        assert document.id.startswith(f"demo-{register}-3-")
