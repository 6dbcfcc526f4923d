"""The pre-token pattern splits words, digits, signs and white space as documented."""

from functools import cache

import pytest
from engines import fuzzed
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from tokenization.errors import OptionError
from tokenization.model import pretoken_pattern


@cache
def splitter(digits: int = 1, *, clitics: bool = False) -> Split:
    return Split(Regex(pretoken_pattern(digits, clitics=clitics)), "isolated")


def pieces(text: str, digits: int = 1) -> list[str]:
    return [piece for piece, _ in splitter(digits).pre_tokenize_str(text)]


def test_a_vocalised_word_is_one_piece() -> None:
    assert pieces("الشَّمْسُ تُشْرِقُ") == ["الشَّمْسُ", " تُشْرِقُ"]


def test_digits_of_any_script_stand_in_runs_of_at_most_the_number_asked_for() -> None:
    assert pieces("عام ١٤٤٥ / 2024") == ["عام", " ", "١", "٤", "٤", "٥", " /", " ", "2", "0", "2", "4"]
    assert pieces("١٤٤٥2024", 3) == ["١٤٤", "٥20", "24"]
    assert pieces("20245", 2) == ["20", "24", "5"]


def test_contractions_signs_and_white_space_are_pieces_of_their_own() -> None:
    assert pieces("They'll: (no)\n\n  x") == ["They", "'ll", ":", " (", "no", ")\n\n", " ", " x"]


@pytest.mark.parametrize("digits", [0, 4, -1])
def test_other_numbers_of_digits_are_refused(digits: int) -> None:
    with pytest.raises(OptionError, match=f"digits = {digits}"):
        pretoken_pattern(digits)


def apart(text: str) -> list[str]:
    return [piece for piece, _ in splitter(clitics=True).pre_tokenize_str(text)]


def test_clitics_stand_apart_where_three_letters_of_the_stem_are_left() -> None:
    assert apart("وبالمدرسة للطاقة ترشيحاتها كتابهم") == [
        *("و" + "بال", "مدرس", "ة"), *(" لل", "طاق", "ة"), *(" ترشيحات", "ها"), *(" كتاب", "هم")
    ]  # fmt: skip
    assert apart(" والله قال الله: (الكتاب) 'البيت") == [
        *(" والله", " قال", " الله", ":", " (", "ال", "كتاب", ")", " '", "ال", "بيت")
    ]
    assert apart("باب له بها فهم") == ["باب", " له", " بها", " فهم"]


def test_vocalised_words_and_other_scripts_are_split_as_without_clitics() -> None:
    for text in ("الشَّمْسُ تُشْرِقُ فِي السَّمَاءِ", "They'll see 12 things\n\n x", "الـــسلام", "aوالكتاب"):
        assert apart(text) == pieces(text)


@given(st.integers(0, 10**6))
def test_every_clitic_split_lies_within_a_plain_piece_and_depends_on_nothing_outside_of_it(seed: int) -> None:
    for text in fuzzed(3, seed):
        assert [part for piece in pieces(text) for part in apart(piece)] == apart(text)
